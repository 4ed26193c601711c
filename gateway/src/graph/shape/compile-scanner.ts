import {
  type GraphQLEnumType,
  type GraphQLOutputType,
  type GraphQLScalarType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Below, FieldShape, ObjectShape } from './collect.ts';
import { leafKindOf } from './leaf.ts';
import { scanInt, scanNumber, scanOneOf, scanString, scanText } from './scan.ts';

/**
 * Answers whether bytes are, one for one, what data of a shape are printed as: every key, in its order and nothing
 * besides, every value of its type. False also where they could be and are written in another way.
 */
export type Scanner = (bytes: Uint8Array) => boolean;

/** A document that spreads over more fields than this is read value by value instead. */
const MAX_FIELDS = 4000;

interface Code {
  readonly functions: string[];
  readonly names: Map<ObjectShape | Below, string>;
  /** Texts the code refers to as `c[0]`, `c[1]`, …, as bytes. */
  readonly constants: (Uint8Array | readonly Uint8Array[])[];
  fields: number;
}

/** An object of an abstract type whose name does not stand at its beginning. */
class NotScannable extends Error {}

/**
 * Writes JavaScript that goes through an answer once, byte by byte, and makes nothing of it. Undefined for a shape that
 * cannot be read without looking ahead, and when the code would be too large.
 */
export function compileScanner(root: ObjectShape): Scanner | undefined {
  const code: Code = { functions: [], names: new Map(), constants: [], fields: 0 };
  try {
    const main = writeObject(code, root);
    const body = `'use strict';
${code.functions.join('\n')}
return (bytes) => {
  let at = scanText(bytes, 0, ${constant(code, '{"data":')});
  if (at < 0 || (at = ${main}(bytes, at)) < 0) return false;
  return bytes[at] === 125 && at + 1 === bytes.length;
};`;
    const helpers = { scanInt, scanNumber, scanOneOf, scanString, scanText };
    return new Function('c', ...Object.keys(helpers), body)(code.constants, ...Object.values(helpers)) as Scanner;
  } catch (error) {
    if (error instanceof NotScannable) return undefined;
    throw error;
  }
}

function writeObject(code: Code, shape: ObjectShape): string {
  const known = code.names.get(shape);
  if (known !== undefined) return known;
  const name = `object${code.names.size}`;
  code.names.set(shape, name);
  code.fields += shape.fields.length;
  if (code.fields > MAX_FIELDS) throw new NotScannable();
  const lines = shape.fields.map((field, index) => {
    const key = `${index === 0 ? '{' : ','}${JSON.stringify(field.key)}:`;
    return field.name === '__typename'
      ? scan('scanText', constant(code, key + JSON.stringify(shape.type.name)))
      : `${scan('scanText', constant(code, key))}\n${writeValue(code, field, field.type)}`;
  });
  const end = scan('scanText', constant(code, shape.fields.length === 0 ? '{}' : '}'));
  code.functions.push(`function ${name}(bytes, at) {\n${lines.join('\n')}\n${end}\nreturn at;\n}`);
  return name;
}

/** A statement that goes past a value. */
function writeValue(code: Code, field: FieldShape, type: GraphQLOutputType): string {
  if (isNonNullType(type)) return writePresent(code, field, type.ofType);
  return `if (bytes[at] === 110) {
${scan('scanText', constant(code, 'null'))}
} else {
${writePresent(code, field, type)}
}`;
}

function writePresent(code: Code, field: FieldShape, type: GraphQLOutputType): string {
  if (isListType(type)) return writeList(code, field, type.ofType);
  if (isCompositeType(type)) {
    const below = field.below as Below;
    return scan(
      isObjectType(below.declared) ? writeObject(code, shapeIn(below, below.declared.name)) : writeChoice(code, below),
    );
  }
  return writeLeaf(code, type as GraphQLScalarType | GraphQLEnumType);
}

function writeList(code: Code, field: FieldShape, type: GraphQLOutputType): string {
  return `if (bytes[at++] !== 91) return -1;
if (bytes[at] === 93) at++;
else for (;;) {
${writeValue(code, field, type)}
const next = bytes[at++];
if (next === 93) break;
if (next !== 44) return -1;
}`;
}

function writeLeaf(code: Code, type: GraphQLScalarType | GraphQLEnumType): string {
  switch (leafKindOf(type)) {
    case 'String':
    case 'ID':
      return scan('scanString');
    case 'Int':
      return scan('scanInt');
    case 'Float':
      return scan('scanNumber');
    case 'Boolean':
      return scan('scanOneOf', constants(code, ['true', 'false']));
    case 'enum':
      return scan(
        'scanOneOf',
        constants(code, isEnumType(type) ? type.getValues().map(({ name }) => JSON.stringify(name)) : []),
      );
    case 'any':
      return `if ((at = bytes[at] === 34 ? scanString(bytes, at) : scanNumber(bytes, at)) < 0) return -1;`;
  }
}

/** An object whose name tells its type: it has to be the first thing asked for. */
function writeChoice(code: Code, below: Below): string {
  const known = code.names.get(below);
  if (known !== undefined) return known;
  const name = `choice${code.names.size}`;
  code.names.set(below, name);
  const cases = below.possible.map((typeName) => {
    const shape = shapeIn(below, typeName);
    const [first] = shape.fields;
    if (first?.name !== '__typename') throw new NotScannable();
    const beginning = constant(code, `{${JSON.stringify(first.key)}:${JSON.stringify(typeName)}`);
    return `if (scanText(bytes, at, ${beginning}) >= 0) return ${writeObject(code, shape)}(bytes, at);`;
  });
  code.functions.push(`function ${name}(bytes, at) {\n${cases.join('\n')}\nreturn -1;\n}`);
  return name;
}

function shapeIn(below: Below, typeName: string): ObjectShape {
  const shape = below.shapeOf(typeName);
  if (shape === undefined) throw new NotScannable();
  return shape;
}

const scan = (name: string, known?: string): string =>
  `if ((at = ${name}(bytes, at${known === undefined ? '' : `, ${known}`})) < 0) return -1;`;

const constant = (code: Code, text: string): string => `c[${code.constants.push(Buffer.from(text)) - 1}]`;
const constants = (code: Code, texts: readonly string[]): string =>
  `c[${code.constants.push(texts.map((text) => Buffer.from(text))) - 1}]`;
