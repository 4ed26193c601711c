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
import { quote } from './quote.ts';

/** Answers the JSON of the data, or undefined when the data are not what the graph promises. */
export type Print = (data: unknown) => string | undefined;

/** A document that spreads over more types than this is completed value by value instead. */
const MAX_FIELDS = 4000;

interface Code {
  readonly functions: string[];
  readonly names: Map<ObjectShape | Below, string>;
  /** Values the code refers to as `c[0]`, `c[1]`, …: sets of enum values. */
  readonly constants: unknown[];
  fields: number;
}

/**
 * Writes JavaScript that checks, projects and serialises in one pass: each field of each object is read once, held
 * against its type and written behind its ready-made key. The first thing that is not as promised ends it, and the
 * reference completion takes over with the same data. Undefined when the code would be too large.
 *
 * Names of fields and types enter the code as JSON literals only; a valid document has none but GraphQL names.
 */
export function compilePrinter(root: ObjectShape): Print | undefined {
  const code: Code = { functions: [], names: new Map(), constants: [], fields: 0 };
  const main = writeObject(code, root);
  if (code.fields > MAX_FIELDS) return undefined;
  const body = `'use strict';
const other = {};
const own = Object.prototype.hasOwnProperty;
${code.functions.join('\n')}
return (data) => {
  try {
    return ${main}(data);
  } catch (error) {
    if (error === other) return undefined;
    throw error;
  }
};`;
  return new Function('quote', 'c', body)(quote, code.constants) as Print;
}

function writeObject(code: Code, shape: ObjectShape): string {
  const known = code.names.get(shape);
  if (known !== undefined) return known;
  const name = `object${code.names.size}`;
  code.names.set(shape, name);
  code.fields += shape.fields.length;
  if (code.fields > MAX_FIELDS) return name;
  const lines = shape.fields.map((field, index) => {
    const key = `${index === 0 ? '{' : ','}${JSON.stringify(field.key)}:`;
    return writeField(code, shape, field, key);
  });
  const end = shape.fields.length === 0 ? "'{}'" : "text + '}'";
  code.functions.push(`function ${name}(o) {\nlet text = '', v;\n${lines.join('\n')}\nreturn ${end};\n}`);
  return name;
}

function writeField(code: Code, { type }: ObjectShape, field: FieldShape, key: string): string {
  if (field.name === '__typename') {
    return isObjectType(type) ? `text += ${literal(key + JSON.stringify(type.name))};` : 'throw other;';
  }
  const access = `o[${literal(field.source)}]`;
  // Nothing that every object has by birth is data.
  const read = field.source in Object.prototype ? `own.call(o, ${literal(field.source)}) ? ${access} : null` : access;
  return `v = ${read};\n${writeValue(code, field, field.type, 'v', key)}`;
}

/** A statement that adds a value to the text, `before` in front of it. */
function writeValue(code: Code, field: FieldShape, type: GraphQLOutputType, value: string, before: string): string {
  if (isNonNullType(type)) {
    return `if (${value} == null) throw other;\n${writePresent(code, field, type.ofType, value, before)}`;
  }
  return `if (${value} == null) text += ${literal(`${before}null`)};\nelse {\n${writePresent(code, field, type, value, before)}\n}`;
}

function writePresent(code: Code, field: FieldShape, type: GraphQLOutputType, value: string, before: string): string {
  if (isListType(type)) return writeList(code, field, type.ofType, value, before);
  if (isCompositeType(type)) {
    const below = field.below as Below;
    const print = isObjectType(below.declared) ? writeDeclared(code, below) : writeChoice(code, below);
    return `if (typeof ${value} !== 'object') throw other;\ntext += ${literal(before)} + ${print}(${value});`;
  }
  return writeLeaf(code, type as GraphQLScalarType | GraphQLEnumType, value, before);
}

function writeList(code: Code, field: FieldShape, type: GraphQLOutputType, value: string, before: string): string {
  const depth = value.length;
  const [list, index, item] = [`list${depth}`, `i${depth}`, `${value}v`];
  return `if (!Array.isArray(${value})) throw other;
text += ${literal(`${before}[`)};
for (let ${list} = ${value}, ${index} = 0; ${index} < ${list}.length; ${index}++) {
if (${index} > 0) text += ',';
const ${item} = ${list}[${index}];
${writeValue(code, field, type, item, '')}
}
text += ']';`;
}

function writeLeaf(code: Code, type: GraphQLScalarType | GraphQLEnumType, v: string, before: string): string {
  const add = (text: string) => `text += ${literal(before)} + ${text};`;
  const unless = (test: string) => `if (!(${test})) throw other;\n`;
  switch (leafKindOf(type)) {
    case 'String':
    case 'ID':
      return unless(`typeof ${v} === 'string'`) + add(`quote(${v})`);
    case 'Int':
      return unless(`(${v} | 0) === ${v}`) + add(v);
    case 'Float':
      return unless(`Number.isFinite(${v})`) + add(v);
    case 'Boolean':
      return unless(`typeof ${v} === 'boolean'`) + add(v);
    case 'enum':
      return writeEnum(code, type, v, before);
    case 'any':
      return add(`(typeof ${v} === 'string' ? quote(${v}) : JSON.stringify(${v}))`);
  }
}

function writeEnum(code: Code, type: GraphQLScalarType | GraphQLEnumType, value: string, before: string): string {
  const names = isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
  const written = new Map(names.map((name) => [name, JSON.stringify(name)]));
  const texts = `c[${code.constants.push(written) - 1}]`;
  return `{
const written = ${texts}.get(${value});
if (written === undefined) throw other;
text += ${literal(before)} + written;
}`;
}

/** An object whose type the field declares; a name that contradicts it is not as promised. */
function writeDeclared(code: Code, below: Below): string {
  const known = code.names.get(below);
  if (known !== undefined) return known;
  const shape = below.shapeOf(below.declared.name);
  if (shape === undefined) return '(() => { throw other; })';
  const print = writeObject(code, shape);
  const name = `declared${code.names.size}`;
  code.names.set(below, name);
  code.functions.push(`function ${name}(o) {
if (o.__typename !== undefined && o.__typename !== ${literal(below.declared.name)} || Array.isArray(o)) throw other;
return ${print}(o);
}`);
  return name;
}

function writeChoice(code: Code, below: Below): string {
  const known = code.names.get(below);
  if (known !== undefined) return known;
  const name = `choice${code.names.size}`;
  code.names.set(below, name);
  const cases = below.possible.map((typeName) => {
    const shape = below.shapeOf(typeName);
    return shape === undefined ? '' : `case ${literal(typeName)}: return ${writeObject(code, shape)}(o);`;
  });
  code.functions.push(`function ${name}(o) {\nswitch (o.__typename) {\n${cases.join('\n')}\n}\nthrow other;\n}`);
  return name;
}

/** JSON is JavaScript, but for two line separators that no GraphQL name holds. */
const literal = (text: string): string => JSON.stringify(text);
