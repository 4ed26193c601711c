import { randomUUID } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { defineCommand, type Terminal } from '../command.ts';
import { ask, type FrontDoor, openFrontDoor, RefusedError } from '../front-door.ts';
import { PlainError } from '../plain-error.ts';
import { type Operation, type Place, readFolder } from './read-operations.ts';

export const publishDocuments = defineCommand({
  name: 'documents publish',
  summary: 'registers a folder of .graphql files as a document set of an integration',
  usage: '<folder> [--dry-run] [--integration <id or name>] [--name <name>] [--manager <name>] [--url <origin>]',
  help: `Each operation in the folder, with the fragments it uses from whichever file, becomes one document. The set is examined
against the graph and what the integration was granted; every fault is named with its file, line and column. Without
--dry-run a set without faults is registered and waits for another manager's approval.

  --dry-run        examine only; nothing is stored
  --integration    id (int_…) or name; in a sandbox by default its first example partner
  --name           what the set is called; by default the folder's name
  --manager        which of the sandbox's managers asks; by default the first
  --url            the gateway's origin; by default BRIDGEWORK_URL, else the sandbox's

A gateway that is not the sandbox is named by BRIDGEWORK_URL, the manager's sign-in (a JWT of the clinic's identity
provider) by BRIDGEWORK_SIGN_IN. Ends with 0 when the set has no fault, 1 when it has some, 2 when the command was not
understood.`,
  options: {
    'dry-run': { type: 'boolean', default: false },
    integration: { type: 'string' },
    name: { type: 'string' },
    manager: { type: 'string' },
    url: { type: 'string' },
  },
  positionals: 1,
  async run({ values, positionals: [folder = '.'] }, terminal) {
    const path = resolve(terminal.cwd, folder);
    const { operations, files, faults } = readFolder(path, terminal.cwd);
    for (const fault of faults) terminal.out(`${describePlace(fault)}: ${fault.message}`);
    if (faults.length > 0) return endWith(terminal, faults.length, 'Nothing was sent');
    terminal.say(`${count(operations.length, 'operation')} in ${count(files, 'file')}.`);

    const door = openFrontDoor(terminal.config, values);
    const integration = await findIntegration(door, values.integration, terminal.signal);
    const dryRun = values['dry-run'];
    terminal.say(
      `${dryRun ? 'Examining' : 'Registering'} at ${door.origin} for ${integration.name} (${integration.id}) …`,
    );
    const registration = await register(door, operations, {
      integrationId: integration.id,
      name: values.name ?? basename(path),
      dryRun,
      signal: terminal.signal,
    });
    return report(registration, operations, dryRun, terminal);
  },
});

interface Integration {
  readonly id: string;
  readonly name: string;
}

async function findIntegration(door: FrontDoor, wanted: string | undefined, signal: AbortSignal): Promise<Integration> {
  type Page = { integrations: { edges: { node: Integration }[] } };
  const { integrations } = await ask<Page>(door, INTEGRATIONS, {}, signal);
  const known = integrations.edges.map(({ node }) => node);
  const found = known.filter(matches(wanted ?? door.examplePartner));
  const [only, second] = found;
  if (only !== undefined && second === undefined) return only;
  const choice = (found.length > 0 ? found : known).map(({ id, name }) => `  ${id}  ${name}`).join('\n');
  const reason =
    wanted === undefined
      ? 'For which integration? Say --integration <id or name>.'
      : `"${wanted}" names ${found.length === 0 ? 'no integration' : 'more than one integration'}.`;
  throw new PlainError(`${reason}\n${choice}`);
}

const matches =
  (wanted: string | undefined) =>
  ({ id, name }: Integration): boolean =>
    wanted !== undefined && (id === wanted || name.toLowerCase().includes(wanted.toLowerCase()));

interface DocumentFault {
  readonly line: number | null;
  readonly column: number | null;
  readonly coordinate: string | null;
  readonly message: string;
}

interface Registration {
  readonly valid: boolean;
  readonly documentSet: { readonly id: string; readonly version: number; readonly status: string } | null;
  readonly documents: readonly {
    readonly id: string;
    readonly name: string | null;
    readonly requiredScopes: readonly (readonly string[])[];
    readonly faults: readonly DocumentFault[];
  }[];
}

async function register(
  door: FrontDoor,
  operations: readonly Operation[],
  options: { integrationId: string; name: string; dryRun: boolean; signal: AbortSignal },
): Promise<Registration> {
  const manifest = JSON.stringify(Object.fromEntries(operations.map(({ id, text }) => [id, text])));
  const { signal, ...variables } = options;
  // The same content is the same set, unless it was rejected or retired meanwhile; so each run is a request of its own.
  const key = randomUUID();
  try {
    const answer = await ask<{ registerDocumentSet: Registration }>(
      door,
      REGISTER,
      { ...variables, manifest, key },
      signal,
    );
    return answer.registerDocumentSet;
  } catch (error) {
    if (!(error instanceof RefusedError) || error.faults.length === 0) throw error;
    const faults = error.faults.map(({ pointer, detail }) => `  ${pointer === '' ? '' : `${pointer}: `}${detail}`);
    throw new PlainError([error.message, ...faults].join('\n'), { cause: error });
  }
}

function report(
  { documents, documentSet }: Registration,
  operations: readonly Operation[],
  dryRun: boolean,
  terminal: Terminal,
): number {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  for (const { id, name, requiredScopes, faults } of documents) {
    const operation = byId.get(id);
    for (const fault of faults) terminal.out(locate(fault, operation));
    if (faults.length === 0) terminal.out(`${id}  ${name}  ${describeScopes(requiredScopes)}`);
  }
  const total = documents.reduce((sum, { faults }) => sum + faults.length, 0);
  if (total > 0) return endWith(terminal, total, 'Nothing was stored');
  if (documentSet !== null) {
    terminal.say(`Registered as ${documentSet.id}, version ${documentSet.version}: ${documentSet.status}.`);
  } else if (dryRun)
    terminal.say(`${count(documents.length, 'document')} without a fault. Nothing was stored: this was a dry run.`);
  return 0;
}

/** A place in the text of a document becomes a place in its file. */
function locate({ line, column, coordinate, message }: DocumentFault, operation: Operation | undefined): string {
  const sentence = coordinate === null ? message : `${coordinate}: ${message}`;
  if (operation === undefined) return sentence;
  const place = line === null ? operation.place : operation.placeOf(line, column ?? 1);
  return `${describePlace(place)}: ${sentence}`;
}

const describePlace = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;

const describeScopes = (alternatives: readonly (readonly string[])[]): string =>
  alternatives.map((scopes) => (scopes.length === 0 ? 'any token' : scopes.join(' '))).join(' or ');

function endWith(terminal: Terminal, faults: number, consequence: string): number {
  terminal.say(`${count(faults, 'fault')}. ${consequence}.`);
  return 1;
}

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`;

const INTEGRATIONS = 'query Integrations { integrations(first: 100) { edges { node { id name } } } }';
const REGISTER = `mutation Publish($integrationId: ID!, $name: String!, $manifest: String!, $dryRun: Boolean!, $key: String!) {
  registerDocumentSet(
    integrationId: $integrationId, name: $name, manifest: $manifest, dryRun: $dryRun, idempotencyKey: $key
  ) { valid documentSet { id version status } documents { id name requiredScopes faults { line column coordinate message } } } }`;
