import { setTimeout as wait } from 'node:timers/promises';
import { type CannedClinic, idOf, startCannedClinic } from '../canned-clinic.ts';
import { FEDERATED_DAY, LARGE_LIST, SMALL_LIST } from '../documents.ts';
import { applyLoad, httpRequest, warmUp } from '../load.ts';
import { type Bench, type Figure, median, milliseconds, perSecond, type Section } from '../section.ts';
import { cpuMs, residentBytes } from '../start-process.ts';

const SECONDS = 300;
const CONNECTIONS = 32;
const SHARE_OF_CAPACITY = 0.8;
/** How much the rate is changed within a second, at most. */
const STEP = 0.1;
const DOCUMENTS = 200;
/** From here on memory may not grow: code is hot, and the documents have come. */
const SETTLED_AFTER_SECONDS = 120;
const ACTIVATED_AFTER_SECONDS = 60;
/** Between two looks at memory, whose lowest value within a stretch is what a collection of garbage left. */
const LOOK_MS = 1000;

export const steadySection: Section = {
  name: 'steady',
  title: 'Five minutes at four fifths of what it can do',
  about: `Three documents in turn, with variables of their own, at a rate that keeps the gateway's core ${SHARE_OF_CAPACITY * 100} % busy, for five minutes (a rate chosen once would soon be another share: the machine is not always as fast); after one of them ${DOCUMENTS} documents are activated at once. The pause is the longest that the gateway's own event loop was held up; memory is compared between the third minute and the last, each by its lowest value.`,
  onlyWhenNamed: true,
  async run(bench) {
    const texts = [SMALL_LIST, FEDERATED_DAY, LARGE_LIST];
    const clinic = await startCannedClinic(bench.folder, texts);
    try {
      return await measure(bench, clinic);
    } finally {
      await clinic.stop();
    }
  },
};

async function measure(bench: Bench, clinic: CannedClinic): Promise<readonly Figure[]> {
  const load = { port: clinic.ours.port, connections: CONNECTIONS, requests: requestsOf(clinic) };
  await warmUp(load, 5);
  const capacity = (await applyLoad({ ...load, seconds: bench.seconds })).perSecond;
  bench.say(`  it can answer ${perSecond(capacity)}; five minutes at ${SHARE_OF_CAPACITY * 100} % follow`);
  const rate = keepBusy(clinic.ours.pid, capacity * SHARE_OF_CAPACITY);
  const watched = watch(clinic, SECONDS);
  const activated = wait(ACTIVATED_AFTER_SECONDS * 1000).then(() => activate(clinic));
  const result = await applyLoad({ ...load, seconds: SECONDS, perSecond: rate.now });
  rate.stop();
  const [looks, activation] = [await watched, await activated];
  if (result.firstFailure !== undefined) bench.say(`  ${result.firstFailure}`);
  const during = looks.filter(({ at }) => at >= activation.from && at <= activation.to + LOOK_MS);
  const pause = Math.max(...during.map(({ pauseMs }) => pauseMs));
  const [early, late] = [lowest(looks, SETTLED_AFTER_SECONDS, 180), lowest(looks, SECONDS - 60, SECONDS)];
  const calls = await firstCalls(clinic);
  return [
    { what: 'answered', ours: perSecond(result.perSecond), beside: '' },
    { what: 'CPU of its core', ours: `${Math.round(rate.share() * 100)} %`, beside: '' },
    { what: 'p50', ours: milliseconds(result.p50), beside: '' },
    { what: 'p99', ours: milliseconds(result.p99), beside: '' },
    { what: 'failed', ours: String(result.failed), beside: '', promise: '0', holds: result.failed === 0 },
    {
      what: `from the news of ${DOCUMENTS} documents until all are compiled`,
      ours: milliseconds(activation.to - activation.from),
      beside: '',
    },
    { what: 'the longest pause of the event loop meanwhile', ours: milliseconds(pause), beside: '' },
    {
      what: 'the longest pause at any other time',
      ours: milliseconds(Math.max(...looks.filter((one) => !during.includes(one)).map(({ pauseMs }) => pauseMs))),
      beside: '',
    },
    {
      what: 'memory held at the end, beside the third minute',
      ours: megabytes(late),
      beside: megabytes(early),
      promise: 'no growth (5 % of noise)',
      holds: late <= early * 1.05,
    },
    {
      what: 'first call of an activated document, the slowest of all',
      ours: milliseconds(Math.max(...calls)),
      beside: '',
      promise: '< 15 ms',
      holds: Math.max(...calls) < 15,
    },
    { what: 'first call of an activated document, median', ours: milliseconds(median(calls)), beside: '' },
  ];
}

/** A rate at which the process is as busy as it shall be, looked after each second. */
function keepBusy(pid: number, begin: number) {
  let rate = begin;
  let last = { cpu: cpuMs(pid), at: performance.now() };
  const first = last;
  const timer = setInterval(() => {
    const next = { cpu: cpuMs(pid), at: performance.now() };
    const share = (next.cpu - last.cpu) / (next.at - last.at);
    last = next;
    if (share > 0) rate *= Math.min(1 + STEP, Math.max(1 - STEP, SHARE_OF_CAPACITY / share));
  }, 1000);
  return {
    now: () => rate,
    share: () => (last.cpu - first.cpu) / (last.at - first.at),
    stop: () => clearInterval(timer),
  };
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

function requestsOf({ ids, token }: CannedClinic): Buffer[] {
  const ask = (text: string, variables: unknown) =>
    httpRequest('/graphql', { authorization: `Bearer ${token}` }, { documentId: ids.get(text), variables });
  return Array.from({ length: 200 }, (_, index) => [
    ask(SMALL_LIST, { first: 5, after: `cursor${index}` }),
    ask(FEDERATED_DAY, day(index)),
    ask(LARGE_LIST, { first: 100, after: `cursor${index}` }),
  ]).flat();
}

const day = (index: number) => ({
  from: '2026-03-01T00:00:00Z',
  to: '2026-03-02T00:00:00Z',
  first: 20,
  after: `cursor${index}`,
});

/** The federated day under other names: documents of their own, for which the subgraphs have their answers already. */
const NEW_TEXTS = Array.from({ length: DOCUMENTS }, (_, index) =>
  FEDERATED_DAY.replace('query FederatedDay', `query Day${index}`),
);

interface Look {
  /** On the clock of `performance.now()`. */
  readonly at: number;
  readonly seconds: number;
  readonly bytes: number;
  /** The longest that the event loop was held up since the last look. */
  readonly pauseMs: number;
}

async function watch({ ours }: CannedClinic, seconds: number): Promise<readonly Look[]> {
  const looks: Look[] = [];
  const begun = performance.now();
  for (let at = begun; at - begun < seconds * 1000; at = performance.now()) {
    const answer = await fetch(`http://127.0.0.1:${ours.metricsPort}/metrics`);
    const lag = /^nodejs_eventloop_lag_max_seconds(?:\{[^}]*\})? (\S+)/m.exec(await answer.text())?.[1];
    looks.push({ at, seconds: (at - begun) / 1000, bytes: residentBytes(ours.pid), pauseMs: Number(lag) * 1000 });
    await wait(LOOK_MS);
  }
  return looks;
}

const lowest = (looks: readonly Look[], from: number, to: number): number =>
  Math.min(...looks.filter(({ seconds }) => seconds >= from && seconds <= to).map(({ bytes }) => bytes));

/** Answers when the news came and when all was compiled, on the clock of `performance.now()`. */
async function activate(clinic: CannedClinic): Promise<{ readonly from: number; readonly to: number }> {
  const from = performance.now();
  clinic.activate(NEW_TEXTS);
  for (;;) {
    await wait(20);
    const answer = await fetch(`http://127.0.0.1:${clinic.ours.port}/readyz`);
    const { generation, completing } = (await answer.json()) as { generation: number; completing: boolean };
    if (generation === 2 && !completing) return { from, to: performance.now() };
  }
}

/** How long the first call of each activated document takes, in ms, one after the other. */
async function firstCalls({ ours, token }: CannedClinic): Promise<readonly number[]> {
  const took: number[] = [];
  for (const text of NEW_TEXTS) {
    const begun = performance.now();
    const answer = await fetch(`http://127.0.0.1:${ours.port}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ documentId: idOf(text), variables: day(0) }),
    });
    await answer.text();
    took.push(performance.now() - begun);
    if (answer.status !== 200) throw new Error(`An activated document was answered ${answer.status}.`);
  }
  return took;
}
