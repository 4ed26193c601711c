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
