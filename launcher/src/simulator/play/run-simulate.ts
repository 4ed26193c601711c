import { join } from 'node:path';
import postgres from 'postgres';
import { findLauncher } from '../../data-folder.ts';
import { PlainError } from '../../plain-error.ts';
import { FILES } from '../../sandbox-files.ts';
import { readState } from '../../sandbox-state.ts';
import { readSecrets } from '../../secrets.ts';
import { createPacedClock } from './clock.ts';
import type { Tally } from './play.ts';
import { type Progress, playDays } from './play-days.ts';
import { readSimulateArguments, SIMULATE_HELP } from './read-arguments.ts';

export interface SimulateOptions {
  /** The data folder of the sandbox that runs, absolute. */
  readonly dataDir: string;
  readonly given: readonly string[];
  readonly out: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** `npm run simulate`: plays on the running sandbox. Throws plain sentences. */
export async function runSimulate({ dataDir, given, out, signal }: SimulateOptions): Promise<void> {
  const wanted = readSimulateArguments(given);
  if (wanted === 'help') {
    out.write(`${SIMULATE_HELP}\n`);
    return;
  }
  const { days, speed, seed } = wanted;
  const coreUrl = findCore(dataDir);
  out.write(`Playing ${count(days, 'clinic day')} at ${speed}x, seed ${seed}. Ctrl-C ends it.\n`);
  try {
    const tally = await playDays({
      ...{ coreUrl, days, seed, signal },
      clock: createPacedClock(speed, signal),
      onProgress: showProgress(out, days),
    });
    out.write(`${out.isTTY ? '\n' : ''}${signal.aborted ? 'Stopped' : 'Done'}: ${describe(tally)}\n`);
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    throw new PlainError(`The sandbox on ${dataDir} does not answer any more.`, { cause: error });
  }
}

/** The login of core_app on the sandbox that runs. */
function findCore(dataDir: string): string {
  const { databasePort } = readState(join(dataDir, FILES.state));
  if (findLauncher(dataDir) === undefined || databasePort === undefined) {
    throw new PlainError(
      `No sandbox runs on ${dataDir}. Start one with npm start and leave it running, then play here; for another folder: DATA_DIR=/path/of/yours npm run simulate`,
    );
  }
  const { rolePasswords } = readSecrets(join(dataDir, FILES.secrets));
  return `postgres://core_app:${encodeURIComponent(rolePasswords.core_app)}@127.0.0.1:${databasePort}/bridgework`;
}

const clinicTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'Asia/Riyadh' });

/** One line that is written again and again; where there is no terminal, a line an hour of the clinic's. */
function showProgress(out: NodeJS.WriteStream, days: number): (progress: Progress) => void {
  let shownHour = '';
  return ({ day, date, clinicTime: at, tally }) => {
    const time = clinicTime.format(at);
    const line = `day ${day}/${days} ${date} ${time} · ${describe(tally)}`;
    if (out.isTTY) out.write(`\r\u001b[2K${line.slice(0, Math.max(20, out.columns - 1))}`);
    else if (`${date} ${time.slice(0, 2)}` !== shownHour) out.write(`${line}\n`);
    shownHour = `${date} ${time.slice(0, 2)}`;
  };
}

const describe = (tally: Readonly<Tally>): string =>
  [
    `${tally.booked} booked`,
    `${tally.confirmed} confirmed`,
    `${tally.moved} moved`,
    `${tally.cancelled} cancelled`,
    `${tally.missed} missed`,
    `${tally.treated} treated`,
    `${tally.invoiced} invoiced (${tally.inInstallments} in installments)`,
    `${tally.paid} paid`,
    `${tally.overdue} overdue`,
    `${tally.ranLow} ran low`,
    `${tally.restocked} restocked`,
    `${count(tally.closedDays, 'day')} closed`,
    ...(tally.givenUp > 0 ? [`${tally.givenUp} given up to somebody quicker`] : []),
  ].join(', ');

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

const isConnectionLost = (error: unknown): boolean =>
  ['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'ECONNREFUSED', 'ECONNRESET', '57P01'].includes(
    String((error as { readonly code?: unknown }).code),
  ) ||
  (error instanceof postgres.PostgresError && error.code.startsWith('08'));
