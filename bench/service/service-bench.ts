import type { LoadTarget } from './calls';
import { createContestants, type Contestant } from './contestants';
import { measureLoad, type Measurement } from './load';
import { openServiceStage } from './service-stage';

export interface ServiceBenchOptions {
  readonly callers: readonly number[];
  /** How often the services take turns; the median round counts, so that a busy moment of the machine does not. */
  readonly rounds: number;
  /** Of each round, after a warm-up. */
  readonly seconds: number;
}

type Method = 'GetTask' | 'CreateTask';

interface Row extends Measurement {
  readonly method: Method;
  readonly callers: number;
  readonly name: string;
}

/**
 * Measures `longhaul serve` beside flytekit's and flyte 2's own Python services on one workspace, and Temporal alone.
 * The services take turns at each number of callers. CreateTask is measured without a worker, as the bare starts are:
 * what the tasks do afterwards is another matter. Gives two Markdown tables.
 */
export async function measureService(options: ServiceBenchOptions): Promise<string> {
  const stage = await openServiceStage();
  try {
    const contestants = await createContestants(stage);
    const gets = await measureMethod('GetTask', contestants, options);
    await stage.prepareCreates();
    const creates = await measureMethod('CreateTask', contestants, options);
    const rows = [...gets, ...creates];
    return `${toTable(rows)}\n\n${toRatios(rows, options.callers)}`;
  } finally {
    await stage.close();
  }
}

async function measureMethod(
  method: Method,
  contestants: readonly Contestant[],
  { callers: levels, rounds, seconds }: ServiceBenchOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const callers of levels) {
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, watched, ...targets } of contestants) {
        const target: LoadTarget = method === 'GetTask' ? targets.get : targets.create;
        const row = { method, callers, name, ...(await measureLoad({ target, callers, seconds }, watched)) };
        rows.push(row);
        console.error(`${method} ${callers} ${name}: ${format(row.perSecond)}/s`, row.firstError ?? '');
      }
    }
  }
  return medianRounds(rows);
}

/** Of the rounds of one figure the one with the middle rate, whole: its latencies belong to it. */
function medianRounds(rows: readonly Row[]): Row[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.callers} ${row.name}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((group) => {
    const errors = group.reduce((sum, row) => sum + row.errors, 0);
    const middle = group.sort((a, b) => a.perSecond - b.perSecond)[Math.floor((group.length - 1) / 2)];
    return middle === undefined ? [] : [{ ...middle, errors }];
  });
}

const HEADINGS = [
  ...['call', 'callers', 'service', 'per second', 'p50 ms', 'p99 ms'],
  ...['its CPU ms per call', 'CPU ms behind it', 'its MB', 'errors'],
];

function toTable(rows: readonly Row[]): string {
  return toMarkdown(
    HEADINGS,
    rows.map((row) => [
      ...[
        row.method,
        String(row.callers),
        row.name,
        format(row.perSecond),
        format(row.p50Ms),
        format(row.p99Ms),
      ],
      ...[format(row.servingCpuMsPerCall), format(row.behindCpuMsPerCall), format(row.servingRssMb)],
      String(row.errors),
    ]),
  );
}

/** Who is held against whom. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['Longhaul, Flyte 1', 'flytekit 1.16.31'],
  ['Longhaul, Flyte 2', 'flyte 2.12.1'],
  ['Longhaul, Flyte 1', 'Temporal alone'],
  ['Longhaul, Flyte 2', 'Temporal alone'],
];

function toRatios(rows: readonly Row[], levels: readonly number[]): string {
  const methods = ['GetTask', 'CreateTask'] as const;
  const lines = methods.flatMap((method) =>
    levels.flatMap((callers) => PAIRS.map((pair) => toRatio(rows, { method, callers }, pair))),
  );
  return toMarkdown(['call', 'callers', 'ratio of', 'rate', 'p50', 'p99'], lines);
}

function toRatio(
  rows: readonly Row[],
  { method, callers }: Pick<Row, 'method' | 'callers'>,
  [ours, theirs]: readonly [string, string],
): string[] {
  const find = (name: string): Row | undefined =>
    rows.find((row) => row.method === method && row.callers === callers && row.name === name);
  const [a, b] = [find(ours), find(theirs)];
  const ratio = (figure: 'perSecond' | 'p50Ms' | 'p99Ms'): string =>
    ((a?.[figure] ?? Number.NaN) / (b?.[figure] ?? Number.NaN)).toFixed(2);
  const who = `${ours} to ${theirs}`;
  return [method, String(callers), who, ratio('perSecond'), ratio('p50Ms'), ratio('p99Ms')];
}

function toMarkdown(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function format(value: number): string {
  if (Number.isNaN(value)) return '–';
  return value >= 100 ? Math.round(value).toString() : value.toFixed(value < 10 ? 2 : 1);
}
