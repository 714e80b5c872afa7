import type { TaskOutcome } from '../../../src/client';
import type { JsonObject } from '../../../src/connector';
import { waitUntil } from '../../support/wait-until';
import { untilNoted, untilTask, type AirflowBench } from './airflow-bench';
import { untilStep } from './crash-scenarios';
import { bash, DEMO, DEMO_HOOK, FILE_SENSOR, operator, submitRun, timedelta } from './operators';

/** Tasks that were canceled, by the state they were in. */
export interface Canceled {
  readonly endings: ReadonlyMap<string, Promise<TaskOutcome>>;
  readonly folders: ReadonlyMap<string, string>;
  /** How the tasks stood that were canceled while no worker was there. */
  readonly whileDead: readonly string[];
}

/** What the helpers below share while they bring tasks into their states. */
interface Scene {
  readonly bench: AirflowBench;
  readonly ids: Map<string, string>;
  readonly folders: Map<string, string>;
}

/** Cancels a task in each state, then kills the worker and cancels more; another worker confirms those. */
export async function cancelEverywhere(bench: AirflowBench): Promise<Canceled> {
  const [, worker] = await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
  const scene: Scene = { bench, ids: new Map(), folders: new Map() };
  await Promise.all([beginRuns(scene, ['deferred', 'waiting']), beginOthers(scene)]);
  await beginSubmit(scene);
  const endings = await cancelAll(bench, scene.ids);
  await Promise.all(endings.values());
  const dead: Scene = { ...scene, ids: new Map() };
  await Promise.all([beginRuns(dead, ['deadDeferred', 'deadWaiting']), beginOperator(dead, 'deadOperator')]);
  worker.kill('SIGKILL');
  await worker.ended;
  await begin(dead, 'neverTaken', (folder) => bash(`echo started >> ${folder}/started`));
  const late = await cancelAll(bench, dead.ids);
  const whileDead = await Promise.all(
    ['deadDeferred', 'deadWaiting', 'deadOperator'].map((name) => stateOf(bench, dead.ids.get(name))),
  );
  await bench.spawnWorker();
  return { endings: new Map([...endings, ...late]), folders: scene.folders, whileDead };
}

async function stateOf({ tasks }: AirflowBench, id = ''): Promise<string> {
  return (await tasks.get(id)).state;
}

async function cancelAll(
  { tasks }: AirflowBench,
  ids: ReadonlyMap<string, string>,
): Promise<Map<string, Promise<TaskOutcome>>> {
  await Promise.all([...ids.values()].map((id) => tasks.cancel(id, { by: 'ana' })));
  return new Map([...ids].map(([name, id]) => [name, tasks.wait(id)]));
}

async function begin(scene: Scene, name: string, toSpec: (folder: string) => JsonObject): Promise<string> {
  const folder = scene.bench.folder(name);
  const id = await scene.bench.begin({ spec: toSpec(folder) });
  scene.ids.set(name, id);
  scene.folders.set(name, folder);
  return id;
}

/** One deferred, one that waits in its segment; both runs are under way. */
async function beginRuns(scene: Scene, [deferred, waiting]: readonly [string, string]): Promise<void> {
  const { bench } = scene;
  const before = bench.simulator.counters().runsCreated;
  const id = await begin(scene, deferred, () => submitRun({ name: deferred }));
  await begin(scene, waiting, () => submitRun({ name: waiting, deferrable: false }));
  await untilStep(bench, id, 'trigger');
  await untilRuns(bench, before + 2);
}

/** Its reply is still out when it is canceled: the run is there a moment later. */
async function beginSubmit(scene: Scene): Promise<void> {
  const { simulator } = scene.bench;
  const before = simulator.counters().requests['submit'] ?? 0;
  simulator.addFault({ operation: 'submit', kind: 'hang', commitAfterMs: 1_500 });
  await begin(scene, 'submitting', () => submitRun({ name: 'submitting' }));
  await waitUntil('the submit', () => (simulator.counters().requests['submit'] ?? 0) > before || undefined);
}

function untilRuns({ simulator }: AirflowBench, count: number): Promise<true> {
  return waitUntil(`${count} runs`, () => simulator.counters().runsCreated >= count || undefined, 60_000);
}

async function beginOperator(scene: Scene, name: string): Promise<void> {
  await begin(scene, name, (folder) => operator(`${DEMO}.DefersToFile`, { folder }));
  await untilNoted(`${scene.folders.get(name) ?? ''}/waiting`);
}

async function beginOthers(scene: Scene): Promise<void> {
  const { bench } = scene;
  const shell = (folder: string): JsonObject =>
    bash(
      `trap 'echo TERM >> ${folder}/trapped; exit 1' TERM
sleep 3600 & echo $! >> ${folder}/grandchild
while :; do sleep 0.2; done`,
    );
  const pauses = { until_try: 9, retries: 3, retry_delay: timedelta(3_600) };
  const [, , sensor, retry] = await Promise.all([
    begin(scene, 'shell', shell),
    begin(scene, 'hook', (folder) => ({ hook: DEMO_HOOK, parameters: {}, method: 'wait', args: { folder } })),
    begin(scene, 'betweenPokes', (folder) =>
      operator(FILE_SENSOR, { filepath: `${folder}/never`, poke_interval: 600, deferrable: false }),
    ),
    begin(scene, 'retryPause', () => operator(`${DEMO}.FailsFirst`, pauses)),
    beginOperator(scene, 'deferredOperator'),
  ]);
  await Promise.all([
    untilNoted(`${scene.folders.get('shell') ?? ''}/grandchild`),
    untilNoted(`${scene.folders.get('hook') ?? ''}/started`),
    untilStep(bench, sensor, 'poke'),
    untilTask(bench, retry, ({ message }) => message?.startsWith('next attempt') === true),
  ]);
}
