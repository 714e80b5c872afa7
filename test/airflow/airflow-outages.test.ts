import { join } from 'node:path';

import type { TaskOutcome } from '../../src/client';
import { startDevServer, type DevServer, type DevServerOptions } from '../../src/temporal/dev-server';
import { runTypeScriptChild, type TypeScriptChild } from '../support/run-typescript-child';
import { durableServerOptions } from '../temporal/support';
import { letGo, notesOf, untilNoted, type AirflowBench } from './support/airflow-bench';
import { beginDeferred, endRuns, UNTIL_LET_GO_MS, untilStep } from './support/crash-scenarios';
import { DEMO_SENSORS, operator, python, submitRun } from './support/operators';
import { describeBothMajors } from './support/suite';

/** The worker of the workflows is killed, then Temporal itself, while tasks wait, poke and run. */
const LIMIT_MS = 120_000;
const DEFERRED = 5;
const CHILD = join(__dirname, 'children/workflow-worker-child.ts');

let serverOptions: DevServerOptions;
let server: DevServer;
const children: TypeScriptChild[] = [];

afterAll(async () => {
  for (const child of children) child.kill();
  await server.stop();
});

async function spawnWorkflowWorker({
  temporalAddress,
  workflowTaskQueue,
}: AirflowBench): Promise<TypeScriptChild> {
  const child = runTypeScriptChild(CHILD, {
    args: [JSON.stringify({ temporalAddress, workflowTaskQueue })],
    captureErrors: true,
  });
  children.push(child);
  await child.line((line) => line === 'serving');
  return child;
}

interface Begun {
  readonly runs: readonly string[];
  readonly sensor: string;
  readonly quiet: string;
  readonly folder: string;
}

async function begin(bench: AirflowBench): Promise<Begun> {
  const [first] = await Promise.all([spawnWorkflowWorker(bench), bench.spawnWorker()]);
  const folder = bench.folder('outage');
  const sync = await bench.begin({ spec: submitRun({ name: 'sync', deferrable: false }) });
  const deferred = await beginDeferred(bench, DEFERRED);
  const counting = { file: `${folder}/pokes`, pokes: 25, poke_interval: 1 };
  const sensor = await bench.begin({ spec: operator(`${DEMO_SENSORS}.CountsPokes`, counting) });
  const quiet = await bench.begin({ spec: python('talk_slowly', { op_kwargs: { folder } }) });
  await Promise.all(deferred.map((id) => untilStep(bench, id, 'trigger')));
  await untilNoted(`${folder}/pokes`, 2);
  first.kill('SIGKILL');
  await first.ended;
  await spawnWorkflowWorker(bench);
  await untilNoted(`${folder}/pokes`, 5);
  return { runs: [sync, ...deferred], sensor, quiet, folder };
}

/** One server for both majors: killed once both have their tasks under way. */
let waiting = 0;
let restarted: Promise<void> | undefined;
let allReady: () => void = () => undefined;
const ready = new Promise<void>((resolve) => (allReady = resolve));

async function killTemporal(): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  await server.ended;
  server = await startDevServer(serverOptions);
}

describeBothMajors<Begun & { readonly outcomes: readonly Promise<TaskOutcome>[] }>({
  options: async () => {
    serverOptions = await durableServerOptions();
    server = await startDevServer(serverOptions);
    return { temporalAddress: server.address, simulator: { timing: { runMs: UNTIL_LET_GO_MS } } };
  },
  prepare: async (bench) => {
    const begun = await begin(bench);
    waiting += 1;
    if (waiting === 2) allReady();
    await ready;
    await (restarted ??= killTemporal());
    letGo(begun.folder);
    endRuns(bench);
    const ids = [...begun.runs, begun.sensor, begun.quiet];
    return { ...begun, outcomes: ids.map((id) => bench.tasks.wait(id)) };
  },
  tests: (stage) => {
    test(
      'every task ends right, with one run and one attempt each',
      async () => {
        const outcomes = await Promise.all(stage().prepared.outcomes);
        for (const { status, result } of outcomes) {
          expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
          expect(result?.receipt.attempts).toHaveLength(1);
        }
        const { runsCreated, activeRuns, cancels } = stage().bench.simulator.counters();
        expect({ runsCreated, activeRuns, cancels }).toEqual({
          runsCreated: DEFERRED + 1,
          activeRuns: 0,
          cancels: {},
        });
      },
      LIMIT_MS,
    );

    test(
      'a sensor goes on counting where it was',
      async () => {
        await Promise.all(stage().prepared.outcomes);
        expect(notesOf(`${stage().prepared.folder}/pokes`)).toHaveLength(25);
      },
      LIMIT_MS,
    );
  },
});
