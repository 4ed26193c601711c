import type { Command } from './command.ts';
import { publishDocuments } from './documents/publish-documents.ts';
import { listen } from './webhooks/listen.ts';

/** Every subcommand of `bridgework`. */
export const COMMANDS: readonly Command[] = [publishDocuments, listen];
