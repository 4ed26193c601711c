import { readContract } from '@bridgework/kernel/contract-files';
import { parseRequirements, SUBGRAPH_NAMES } from '@bridgework/schema';
import {
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  type TypeNode,
} from 'graphql';

/** A call of one mutation with made-up arguments of the right types. */
export interface SampleMutation {
  readonly name: string;
  readonly text: string;
  /** The same arguments as a resolver receives them; optional texts are given too. */
  readonly args: Record<string, unknown>;
}

/** A valid call of every mutation that asks for this policy, taken from the SDL: a new mutation is tested by existing. */
export function sampleMutations(policy: 'manager'): SampleMutation[] {
  const requirements = parseRequirements(readContract('generated/requirements.json'));
  const reserved = (name: string): boolean => {
    const requirement = requirements[`Mutation.${name}`];
    return requirement !== undefined && 'policy' in requirement && requirement.policy === policy;
  };
  return SUBGRAPH_NAMES.flatMap((subgraph) => {
    const sdl = parse(readContract(`subgraphs/${subgraph}.graphql`));
    return mutationsOf(sdl)
      .filter(({ name }) => reserved(name.value))
      .map((field) => ({
        name: field.name.value,
        text: `mutation { ${field.name.value}${argumentsFor(sdl, field.arguments ?? [], '()')} { __typename } }`,
        args: valuesFor(sdl, field.arguments ?? []),
      }));
  });
}

const mutationsOf = (sdl: DocumentNode): readonly FieldDefinitionNode[] =>
  sdl.definitions.flatMap((one) =>
    one.kind === Kind.OBJECT_TYPE_DEFINITION && one.name.value === 'Mutation' ? (one.fields ?? []) : [],
  );

function argumentsFor(sdl: DocumentNode, inputs: readonly InputValueDefinitionNode[], brackets: '()' | '{}'): string {
  const required = inputs.filter(({ type, defaultValue }) => type.kind === Kind.NON_NULL_TYPE && !defaultValue);
  const given = required.map(({ name, type }) => `${name.value}: ${valueFor(sdl, type)}`);
  return given.length === 0 && brackets === '()' ? '' : `${brackets[0]}${given.join(', ')}${brackets[1]}`;
}

const SAMPLES: Readonly<Record<string, string>> = {
  Int: '1',
  SafeInt: '1',
  Boolean: 'false',
  DateTime: '"2030-01-01T00:00:00.000Z"',
  Date: '"2030-01-01"',
  EventType: '"payment.received"',
  Scope: '"read:appointments"',
};

function valueFor(sdl: DocumentNode, type: TypeNode): string {
  if (type.kind === Kind.NON_NULL_TYPE) return valueFor(sdl, type.type);
  if (type.kind === Kind.LIST_TYPE) return '[]';
  const name = type.name.value;
  const definition = sdl.definitions.find((one) => 'name' in one && one.name?.value === name);
  if (definition?.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) return argumentsFor(sdl, definition.fields ?? [], '{}');
  if (definition?.kind === Kind.ENUM_TYPE_DEFINITION) return definition.values?.[0]?.name.value ?? '';
  return SAMPLES[name] ?? '"x"';
}

function valuesFor(sdl: DocumentNode, inputs: readonly InputValueDefinitionNode[]): Record<string, unknown> {
  return Object.fromEntries(
    inputs.flatMap(({ name, type, defaultValue }) => {
      const value = name.value === 'url' ? 'https://hooks.example.org/bridgework' : sampleValue(sdl, type);
      const isText = type.kind === Kind.NAMED_TYPE && typeof value === 'string';
      const isGiven = type.kind === Kind.NON_NULL_TYPE ? defaultValue === undefined : isText;
      return isGiven ? [[name.value, value]] : [];
    }),
  );
}

function sampleValue(sdl: DocumentNode, type: TypeNode): unknown {
  if (type.kind === Kind.NON_NULL_TYPE) return sampleValue(sdl, type.type);
  if (type.kind === Kind.LIST_TYPE) return type.type.kind === Kind.NON_NULL_TYPE ? listSample(sdl, type.type) : [];
  const name = type.name.value;
  const definition = sdl.definitions.find((one) => 'name' in one && one.name?.value === name);
  if (definition?.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) return valuesFor(sdl, definition.fields ?? []);
  if (name === 'DateTime') return new Date('2030-01-01T00:00:00.000Z');
  if (name === 'Scope') return 'read:appointments';
  if (name === 'EventType') return 'payment.received';
  return JSON.parse(valueFor(sdl, type).replace(/^([A-Z_]+)$/, '"$1"'));
}

/** One entry, so that a list of texts is tried too. */
const listSample = (sdl: DocumentNode, type: TypeNode): unknown[] => [sampleValue(sdl, type)];
