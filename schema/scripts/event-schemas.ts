/**
 * Writes what receivers may rely on: a JSON Schema of each event's body, `webhooks/<type>.v<version>.schema.json`. `--check`
 * fails when the committed files are not what the contracts say. A change that would break a receiver is refused in either
 * case: it needs another version of the event, in a file of its own, beside the old one.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { EVENT_TYPES, EVENTS, EventPayload, type EventType } from '../src/events.ts';

const folder = join(import.meta.dirname, '../webhooks');

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonSchema = { readonly [name: string]: Json };

export const fileOf = (type: EventType): string => `${type}.v${EVENTS[type].version}.schema.json`;

/** What is promised of the body of an event. Open to new members, as the guide tells receivers. */
export function describeEvent(type: EventType): JsonSchema {
  const { entityType, published } = EVENTS[type];
  const body = EventPayload.extend({
    event_type: z.literal(type),
    entity_type: z.literal(entityType),
    data: published,
  });
  return { title: type, ...(open(z.toJSONSchema(body, { io: 'input' }) as Json) as JsonSchema) };
}

function open(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(open);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => name !== 'additionalProperties' || value !== false)
      .map(([name, value]) => [name, open(value)]),
  );
}

/** For people alone; changing them breaks nobody. */
const PROSE = new Set(['title', 'description', 'examples', '$comment']);

/** Where a receiver that was written for `before` would be wrong about what `after` promises. */
export function findBreakingChanges(before: Json, after: Json, path = ''): string[] {
  if (!isObject(before) || !isObject(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [`${path || '/'} has changed`];
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const place = `${path}/${name}`;
    if (PROSE.has(name) && !path.endsWith('/properties')) return [];
    if (path.endsWith('/properties') && !(name in before)) return [];
    if (name === 'required')
      return missing(before[name], after[name]).map((one) => `${place}: ${one} is promised no longer`);
    if (!(name in after)) return [`${place} is gone`];
    if (!(name in before)) return [`${place} is new`];
    return findBreakingChanges(before[name] ?? null, after[name] ?? null, place);
  });
}

const isObject = (value: Json): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function missing(before: Json | undefined, after: Json | undefined): Json[] {
  const kept = new Set(Array.isArray(after) ? after : []);
  return (Array.isArray(before) ? before : []).filter((one) => !kept.has(one));
}

function main(check: boolean): void {
  mkdirSync(folder, { recursive: true });
  for (const type of EVENT_TYPES) {
    const path = join(folder, fileOf(type));
    const wanted = `${JSON.stringify(describeEvent(type), null, 2)}\n`;
    const there = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    const breaking = there === undefined ? [] : findBreakingChanges(JSON.parse(there), JSON.parse(wanted));
    if (breaking.length > 0) {
      throw new Error(
        `${type} would break its receivers: ${breaking.join('; ')}. Give it another version in schema/src/events.ts and keep this one.`,
      );
    }
    if (check && there !== wanted) {
      throw new Error(`schema/webhooks/${fileOf(type)} is out of date: run npm run events -w schema and commit it.`);
    }
    if (!check) writeFileSync(path, wanted);
  }
}

if (process.argv[1] === import.meta.filename) main(process.argv.includes('--check'));
