import type { Command } from './command.ts';
import { publishDocuments } from './documents/publish-documents.ts';

/** Every subcommand of `bridgework`. */
export const COMMANDS: readonly Command[] = [publishDocuments];
