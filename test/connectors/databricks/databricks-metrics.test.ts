import { startSimulator, type Simulator } from '../../../src/simulator';
import type { DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import type { JsonObject, ResourceMeta, TaskMetric } from '../../../src/connector';
import { waitUntil } from '../../support/wait-until';
import { callContext, connectorFor, notebookTask, submitRequest, TOKEN } from './support/calls';
import { connectorBench } from './support/connector-bench';
import { runOf, taskOf } from './support/fake-workspace';

describe('of an answer of Databricks', () => {
  const bench = connectorBench();

  const metrics = (): Promise<readonly TaskMetric[]> => bench.connector.getMetrics(bench.meta, callContext());

  it('there is one entry per attempt, with its run, its times and where they went', async () => {
    const durations = { queue_duration: 1, setup_duration: 2, execution_duration: 3, cleanup_duration: 4 };
    const failed = { state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' }, run_duration: 77 };
    const tasks = [taskOf('a', 2, { attempt_number: 1, ...durations }), taskOf('a', 1, failed)];
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'SUCCESS', { tasks }) });
    const spans = { queueMs: 1, setupMs: 2, executionMs: 3, cleanupMs: 4, totalMs: 1_000 };
    expect(await metrics()).toEqual([
      {
        name: 'a',
        attempt: 0,
        phase: 'FAILED',
        externalId: '1',
        startedAt: 1_001,
        endedAt: 2_001,
        totalMs: 77,
      },
      {
        ...{ name: 'a', attempt: 1, phase: 'SUCCEEDED', externalId: '2', startedAt: 1_002, endedAt: 2_002 },
        ...spans,
      },
    ]);
  });

  const queued = (more: JsonObject, tasks: readonly JsonObject[]): void => {
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'SUCCESS', { ...more, tasks }) });
  };

  it('the wait of the whole run comes first, ends when the first task starts, and adds up to what the run says', async () => {
    queued({ start_time: 200, queue_duration: 900 }, [taskOf('a', 1, { queue_duration: 0 }), taskOf('b', 2)]);
    const [run, ...tasks] = await metrics();
    expect(run).toMatchObject({
      name: '(run)',
      phase: 'QUEUED',
      startedAt: 101,
      endedAt: 1_001,
      totalMs: 900,
    });
    expect(tasks.map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await metrics()).reduce((sum, { queueMs = 0 }) => sum + queueMs, 0)).toBe(900);
    queued({ start_time: 50, queue_duration: 900 }, [taskOf('a', 1)]);
    expect((await metrics())[0]).toMatchObject({ startedAt: 50, endedAt: 950 });
  });

  it('a wait that its tasks tell already is not told twice, and no wait is told as none', async () => {
    queued({ start_time: 200, queue_duration: 800 }, [taskOf('a', 1, { queue_duration: 800 })]);
    expect((await metrics()).map(({ name }) => name)).toEqual(['a']);
    queued({ start_time: 200, queue_duration: 0 }, [taskOf('a', 1)]);
    expect((await metrics()).map(({ name }) => name)).toEqual(['a']);
  });

  it('what was skipped comes last, whenever it is said to have started', async () => {
    const skipped = { state: { life_cycle_state: 'TERMINATED', result_state: 'UPSTREAM_FAILED' } };
    queued({}, [taskOf('after', 1, skipped), taskOf('a', 2), taskOf('b', 3)]);
    expect((await metrics()).map(({ name, phase }) => `${name} ${phase}`)).toEqual([
      'a SUCCEEDED',
      'b SUCCEEDED',
      'after SKIPPED',
    ]);
  });

  it('one that runs has no end, and one that waits no beginning', async () => {
    const running = { state: { life_cycle_state: 'RUNNING' }, end_time: 0 };
    const blocked = { state: { life_cycle_state: 'BLOCKED' }, start_time: 0, end_time: 0 };
    bench.fake.on('/runs/get', {
      body: runOf('RUNNING', undefined, { tasks: [taskOf('a', 1, running), taskOf('b', 2, blocked)] }),
    });
    const [a, b] = await metrics();
    expect(a).toEqual({ name: 'a', attempt: 0, phase: 'RUNNING', externalId: '1', startedAt: 1_001 });
    expect(b).toEqual({ name: 'b', attempt: 0, phase: 'WAITING_FOR_RESOURCES', externalId: '2' });
  });
});

describe('of a run of the simulated workspace that was repaired', () => {
  let simulator: Simulator;
  let connector: DatabricksConnectorV2;
  let meta: ResourceMeta;

  beforeAll(async () => {
    simulator = await startSimulator({ tokens: [TOKEN], speed: 50 });
    connector = connectorFor({ host: simulator.url });
    simulator.setOutcome({ match: { taskKey: 'b', attempt: 0 }, outcome: { result: 'FAILED' } });
    const after = { depends_on: [{ task_key: 'b' }] };
    const request = submitRequest({
      tasks: [notebookTask('a'), notebookTask('b'), notebookTask('c', after)],
    });
    ({ meta } = await connector.create(request, callContext()));
    const { runId } = meta as { runId: string };
    await waitForEnd(runId);
    const body = `{"run_id":${runId},"rerun_all_failed_tasks":true,"rerun_dependent_tasks":true}`;
    const answer = await fetch(`${simulator.url}/api/2.2/jobs/runs/repair`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body,
    });
    expect(answer.status).toBe(200);
    await waitForEnd(runId);
  });

  afterAll(async () => {
    await connector.close();
    await simulator.close();
  });

  async function waitForEnd(runId: string): Promise<void> {
    await waitUntil(`run ${runId} to end`, async () => {
      const { next } = await connector.get({ ...meta, runId }, callContext());
      return next.kind === 'done' ? true : undefined;
    });
  }

  it('each entry tells which repair it belongs to', async () => {
    const rows = (await connector.getMetrics(meta, callContext())).map(
      ({ name, repair }) => `${name} ${repair ?? '–'}`,
    );
    expect(rows.sort()).toEqual(['a 0', 'b 0', 'b 1', 'c 0', 'c 1']);
  });

  it('the parts of what ran add up to its time from beginning to end', async () => {
    const ran = (await connector.getMetrics(meta, callContext())).filter(
      ({ executionMs = 0 }) => executionMs > 0,
    );
    expect(ran.length).toBe(4);
    for (const { startedAt = 0, endedAt = 0, totalMs, setupMs = 0, executionMs = 0, cleanupMs = 0 } of ran) {
      expect(setupMs + executionMs + cleanupMs).toBe(endedAt - startedAt);
      expect(totalMs).toBe(endedAt - startedAt);
    }
  });
});
