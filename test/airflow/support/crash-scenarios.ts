import type { TaskOutcome } from '../../../src/client';
import type { JsonObject } from '../../../src/connector';
import { waitUntil } from '../../support/wait-until';
import { letGo, untilNoted, untilTask, type AirflowBench } from './airflow-bench';
import { stepOf } from './operator-scenarios';
import { bash, DEMO, DEMO_HOOK, DEMO_SENSORS, operator, submitRun } from './operators';
import { processesWith } from './python-worker';

export const DEFERRED = 20;
/** Runs go on until the test shortens them. */
export const UNTIL_LET_GO_MS = 3_600_000;
const REACHED_WITHIN_MS = 90_000;

/** The tasks that were under way when their worker was killed. */
export interface Crashed {
  /** By the place it was at. */
  readonly endings: ReadonlyMap<string, Promise<TaskOutcome>>;
  readonly deferred: readonly Promise<TaskOutcome>[];
  /** Files of the tasks, by the same names. */
  readonly folders: ReadonlyMap<string, string>;
  /** Processes that outlived the worker. */
  readonly orphans: readonly string[];
}

/** A task to be caught in mid-segment. */
interface Caught {
  readonly spec: JsonObject;
  readonly policy?: JsonObject;
  /** Resolves when it is where it shall be caught. */
  readonly reached: () => Promise<unknown>;
}

/** Brings a task into every kind of segment, and twenty to their triggers; kills the worker; starts another. */
export async function crashWorker(bench: AirflowBench): Promise<Crashed> {
  const [, worker] = await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
  bench.simulator.setOutcome({ match: { runName: 'finishing' }, outcome: { runMs: 1_000 } });
  const deferred = await beginDeferred(bench, DEFERRED);
  await Promise.all(deferred.map((id) => untilStep(bench, id, 'trigger')));
  const folders = new Map<string, string>();
  const working = Object.entries(workingTasks(bench, folders));
  const ids = new Map(
    await Promise.all(working.map(async ([name, task]) => [name, await catchTask(bench, task)] as const)),
  );
  const [sync, hung] = await catchSubmits(bench);
  ids.set('waitingForARun', sync).set('submitting', hung);
  worker.kill('SIGKILL');
  await worker.ended;
  bench.simulator.clearFaults();
  const orphans = await orphansOf(bench);
  for (const folder of folders.values()) letGo(folder);
  await bench.spawnWorker();
  endRuns(bench);
  const wait = (id: string): Promise<TaskOutcome> => bench.tasks.wait(id);
  const endings = new Map([...ids].map(([name, id]) => [name, wait(id)] as const));
  return { endings, deferred: deferred.map(wait), folders, orphans };
}

/** All runs end a second from now, those under way too. */
export function endRuns({ simulator }: AirflowBench): void {
  simulator.setOutcome({ match: {}, outcome: { runMs: 1_000 } });
}

export function beginDeferred(bench: AirflowBench, count: number): Promise<string[]> {
  const specs = Array.from({ length: count }, (_, index) => submitRun({ name: `deferred ${index}` }));
  return Promise.all(specs.map((spec) => bench.begin({ spec })));
}

export async function untilStep(bench: AirflowBench, id: string, step: string): Promise<void> {
  await untilTask(bench, id, ({ meta }) => stepOf(meta) === step);
}

async function catchTask(bench: AirflowBench, { spec, policy, reached }: Caught): Promise<string> {
  const id = await bench.begin({ spec, ...(policy === undefined ? {} : { policy }) });
  const end = bench.tasks.wait(id).then(({ status }) => {
    throw new Error(`${JSON.stringify(spec)} ended too early: ${status.message ?? status.state}`);
  });
  await Promise.race([reached(), end]);
  end.catch(() => undefined);
  return id;
}

/** One whose run goes on, then one whose submit is never answered: the fault takes the next submit, whose ever it is. */
async function catchSubmits(bench: AirflowBench): Promise<[string, string]> {
  const { simulator } = bench;
  const untilRuns = (count: number): Promise<true> =>
    waitUntil('the runs', () => simulator.counters().runsCreated >= count || undefined, REACHED_WITHIN_MS);
  const before = simulator.counters().runsCreated;
  const sync = await bench.begin({ spec: submitRun({ name: 'sync', deferrable: false }) });
  await untilRuns(before + 1);
  simulator.addFault({ operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 0 });
  const hung = await bench.begin({ spec: submitRun({ name: 'hung' }) });
  await untilRuns(before + 2);
  return [sync, hung];
}

function workingTasks(bench: AirflowBench, folders: Map<string, string>): Readonly<Record<string, Caught>> {
  const folderOf = (name: string): string => {
    const folder = bench.folder(name);
    folders.set(name, folder);
    return folder;
  };
  const at = (name: string, toSpec: (folder: string) => JsonObject, policy?: JsonObject): Caught => {
    const folder = folderOf(name);
    const reached = (): Promise<unknown> => untilNoted(`${folder}/started`);
    return { spec: toSpec(folder), reached, ...(policy === undefined ? {} : { policy }) };
  };
  const shell = (folder: string): JsonObject =>
    bash(`echo started >> ${folder}/started; while ! test -e ${folder}/go; do sleep 0.2; done; echo done`);
  const poke = (freePokes: number) => (folder: string) =>
    operator(`${DEMO_SENSORS}.WaitsInPoke`, { folder, free_pokes: freePokes, poke_interval: 1 });
  return {
    shell: at('shell', shell),
    shellToBeRepeated: at('shellToBeRepeated', shell, { onUnknown: 'retry' }),
    resuming: at('resuming', (folder) => operator(`${DEMO}.WaitsInResume`, { folder })),
    finishingARun: at('finishingARun', (folder) =>
      submitRun({ name: 'finishing', path: `${DEMO}.SlowToFinish`, parameters: { folder } }),
    ),
    firstPoke: at('firstPoke', poke(0)),
    poke: at('poke', poke(1)),
    hook: at('hook', (folder) => ({ hook: DEMO_HOOK, parameters: {}, method: 'wait', args: { folder } })),
  };
}

/** Children end by themselves when their worker's pipe closes; this takes a moment. */
async function orphansOf(bench: AirflowBench): Promise<readonly string[]> {
  try {
    return await waitUntil('the children to end', () => {
      const left = processesWith(bench.scratch);
      return left.length === 0 ? left : undefined;
    });
  } catch {
    return processesWith(bench.scratch);
  }
}
