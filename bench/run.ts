/**
 * Measures Longhaul's task workflow beside the naive loop (a timer and a short activity per poll), in one run on one
 * machine: `npm run bench`. Compare the ratios, not the absolute figures: they are the machine's.
 * `npm run bench -- service` measures the gRPC services beside Flyte's own instead, which it installs.
 * `npm run bench -- airflow` measures Airflow tasks, with `--peer` beside Airflow itself; `deferrable`, `triggers` or
 * `sensors` after it measures that part alone.
 */
import { measureAirflow } from './airflow/airflow-bench';
import { measureService } from './service/service-bench';
import { measureEvents, measureMemory, measurePolls, measureStarts, type Figures } from './scenarios';
import { openStage, type Design, type Stage } from './stage';

const QUICK = process.argv.includes('--quick');
const JOBS = QUICK ? 50 : 300;
const SECONDS = QUICK ? 5 : 30;
const LOOKS_PER_PHASE = QUICK ? 3 : 20;
const OPEN_TASKS = QUICK ? [50, 100] : [1_000, 5_000];

const SCENARIOS: Readonly<Record<string, (stage: Stage) => Promise<Figures>>> = {
  polls: (stage) => measurePolls(stage, JOBS, SECONDS),
  starts: (stage) => measureStarts(stage, QUICK ? 3 : 10),
  events: (stage) => measureEvents(stage, LOOKS_PER_PHASE),
  memory: (stage) => measureMemory(stage, OPEN_TASKS),
};

const SERVICE = QUICK
  ? { callers: [1, 64], rounds: 1, seconds: 2 }
  : { callers: [1, 16, 64, 256], rounds: 3, seconds: 4 };

const AIRFLOW = QUICK
  ? {
      sizes: [10],
      triggers: { count: 50, seconds: 20 },
      sensors: { count: 50, pokeIntervalS: 10, seconds: 30 },
    }
  : {
      sizes: [50, 200],
      triggers: { count: 1_000, seconds: 60 },
      sensors: { count: 1_000, pokeIntervalS: 60, seconds: 180 },
    };

async function main(): Promise<void> {
  const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  if (only[0] === 'airflow') {
    const peer = process.argv.includes('--peer');
    console.log(await measureAirflow({ ...AIRFLOW, peer, only: only.slice(1) }));
    return;
  }
  if (only.includes('service')) console.log(await measureService(SERVICE));
  if (only.some((name) => name !== 'service') || only.length === 0) await compareDesigns(only);
}

async function compareDesigns(only: readonly string[]): Promise<void> {
  const rows: string[][] = [];
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const [ours, naive] = [await measure('ours', scenario), await measure('naive', scenario)];
    for (const [figure, value] of Object.entries(ours)) rows.push(toRow(figure, value, naive[figure]));
  }
  console.log(
    [
      '| figure | Longhaul | naive loop | ratio |',
      '|---|---|---|---|',
      ...rows.map((row) => `| ${row.join(' | ')} |`),
    ].join('\n'),
  );
}

async function measure(design: Design, scenario: (stage: Stage) => Promise<Figures>): Promise<Figures> {
  const stage = await openStage(design);
  try {
    return await scenario(stage);
  } finally {
    await stage.close();
  }
}

function toRow(figure: string, ours: number, naive: number | undefined): string[] {
  const ratio = naive === undefined || naive === 0 ? '–' : (ours / naive).toFixed(2);
  return [figure, format(ours), naive === undefined ? '–' : format(naive), ratio];
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toFixed(1);
}

void main();
