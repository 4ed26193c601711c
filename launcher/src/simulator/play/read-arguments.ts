import { parseArgs } from 'node:util';
import { PlainError } from '../../plain-error.ts';

export interface SimulateArguments {
  readonly days: number;
  readonly speed: number;
  readonly seed: number;
}

export const SIMULATE_HELP = `npm run simulate -- [--days <n>] [--speed <n>x] [--seed <n>]

Plays believable clinic days on the running sandbox, as the clinic's own core application (role core_app): bookings,
confirmations, changes, no-shows, visits, invoices with and without installments, payments, stock, the nightly look for
overdue installments, and the closing of each day. Every one of the eight events comes about at least once a day.

  --days <n>     how many working days, 1 to 30; the last ones before today (default 1)
  --speed <n>x   how many times as fast as a real clock, 1x to 100000x (default 60x: a day takes about 16 minutes)
  --seed <n>     the same number on the same clinic gives the same days, 0 to 4294967295 (default 1)
  --help         this text

The sandbox must be running (npm start in another terminal; the same DATA_DIR). Ctrl-C ends the play and keeps the data.`;

/**
 * What stands behind `npm run simulate --`; `'help'` when help is wanted.
 *
 * @throws PlainError that names the argument and what it may be.
 */
export function readSimulateArguments(given: readonly string[]): SimulateArguments | 'help' {
  const values = parse(given);
  if (values.help === true) return 'help';
  return {
    days: readNumber('--days', values.days ?? '1', /^\d+$/, 1, 30, 'a whole number from 1 to 30, for example --days 5'),
    speed: readNumber(
      '--speed',
      (values.speed ?? '60x').replace(/x$/, ''),
      /^\d+(\.\d+)?$/,
      1,
      100_000,
      'a number from 1x to 100000x, for example --speed 60x',
    ),
    seed: readNumber('--seed', values.seed ?? '1', /^\d+$/, 0, 4_294_967_295, 'a whole number from 0 to 4294967295'),
  };
}

function parse(given: readonly string[]) {
  try {
    return parseArgs({
      args: [...given],
      options: {
        days: { type: 'string' },
        speed: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const [reason] = (error as Error).message.split('. ');
    throw new PlainError(`${reason}. npm run simulate -- --help shows what there is.`, { cause: error });
  }
}

function readNumber(name: string, text: string, form: RegExp, least: number, most: number, meaning: string): number {
  const value = Number(text);
  if (!form.test(text) || value < least || value > most) throw new PlainError(`${name} is ${meaning}; not "${text}".`);
  return value;
}
