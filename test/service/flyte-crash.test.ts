import { startDevServer, type DevServer } from '../../src/temporal/dev-server';
import { installQuietRuntime } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import { durableServerOptions } from '../temporal/support';
import { openFlyteBench, type FlyteBench, type FlyteBenchOptions } from './support/flyte-bench';
import { openFlytePython, valueOf, type FlyteJob, type FlytePython } from './support/flyte-python';
import type { FlyteCreate } from './support/flyte-requests';

/** Processes are really killed; Flyte's own stubs must see one task, one run, and no failed GetTask. */
const LIMIT_MS = 150_000;
let python: FlytePython;
let bench: FlyteBench;

beforeAll(async () => {
  installQuietRuntime();
  python = await openFlytePython();
}, 240_000);
afterEach(() => bench.close());
afterAll(() => python.close());

async function open(options: FlyteBenchOptions = {}): Promise<void> {
  bench = await openFlyteBench(python, options);
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
}

function task(runName: string, execution: FlyteCreate['execution'] = {}): FlyteCreate {
  return bench.task('v1-databricksv2-new-cluster', { databricksConf: { run_name: runName }, execution });
}

function taskId({ resourceMeta }: FlyteJob): string {
  const { task: id } = JSON.parse(Buffer.from(resourceMeta, 'base64').toString()) as { task: string };
  return id;
}

test(
  'a service killed between start and answer: the repeated CreateTask gives the same task, and one run',
  async () => {
    await open();
    await bench.startWorkers();
    const first = await bench.spawnService();
    const example = valueOf(await first.flyte.v1.create(task('short', { name: 'example' })));
    const lost = task('short', { name: 'killed' });
    const id = taskId(example).replace('example', 'killed');
    const reply = first.flyte.v1.create(lost);
    await waitUntil('the task to be started', () => bench.tasks.look(id).catch(() => undefined));
    first.kill();
    await reply;
    const second = await bench.spawnService();
    const again = valueOf(await second.flyte.v1.create(lost));
    expect(taskId(again)).toBe(id);
    await second.flyte.v1.follow(again);
    await second.flyte.v1.follow(example);
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 2, activeRuns: 0 });
  },
  LIMIT_MS,
);

test(
  'a service killed right after attempt 1 was started: one run stays active',
  async () => {
    await open();
    await bench.startWorkers();
    const first = await bench.spawnService();
    const zero = valueOf(await first.flyte.v1.create(task('long', { name: 'x', attempt: 0 })));
    await first.flyte.v1.follow(zero, { until: ({ phase }) => phase === 'RUNNING' });
    const one = valueOf(await first.flyte.v1.create(task('long', { name: 'x', attempt: 1 })));
    first.kill();
    const second = await bench.spawnService();
    await second.flyte.v1.follow(one, { until: ({ phase }) => phase === 'RUNNING' });
    expect((await second.flyte.v1.follow(zero)).last.phase).toBe('FAILED');
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 2, activeRuns: 1 });
  },
  LIMIT_MS,
);

test(
  'service and worker killed and restarted in mid-job: the run goes on, and every GetTask is answered',
  async () => {
    await open({ simulator: { timing: { runMs: 15_000 } } });
    const worker = await bench.spawnWorker();
    const first = await bench.spawnService();
    const job = valueOf(await first.flyte.v1.create(task('short')));
    await first.flyte.v1.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
    first.kill();
    worker.kill();
    const second = await bench.spawnService();
    expect(valueOf(await second.flyte.v1.get(job)).phase).toBe('RUNNING');
    await bench.spawnWorker();
    const { last, failures } = await second.flyte.v1.follow(job, { limitMs: 60_000 });
    expect({ phase: last.phase, failures }).toEqual({ phase: 'SUCCEEDED', failures: [] });
    expect(bench.simulator.counters().runsCreated).toBe(1);
  },
  LIMIT_MS,
);

test(
  'without any worker tasks are taken and answered for; they say what they wait for',
  async () => {
    await open();
    const { flyte } = await bench.spawnService();
    const job = valueOf(await flyte.v1.create(task('short')));
    expect(valueOf(await flyte.v1.get(job)).phase).toBe('QUEUED');
    const { last } = await flyte.v1.follow(job, {
      until: ({ phase }) => phase === 'WAITING_FOR_RESOURCES',
      pollMs: 500,
    });
    expect(last.message).toMatch(/^no worker has taken it from the task queue /);
    await bench.startWorkers();
    expect((await flyte.v1.follow(job)).last.phase).toBe('SUCCEEDED');
  },
  LIMIT_MS,
);

test(
  'a workspace that never answers holds no caller up',
  async () => {
    await open();
    await bench.startWorkers();
    bench.simulator.addFault({ operation: '*', kind: 'latency', ms: 30_000, times: 0 });
    const { flyte } = await bench.spawnService();
    const created = await flyte.v1.create(task('short'));
    const job = valueOf(created);
    const replies = [created, await flyte.v1.get(job), await flyte.v1.delete(job), await flyte.v1.get(job)];
    expect(replies.map(({ ok }) => ok)).toEqual([true, true, true, true]);
    for (const { latencyMs } of replies) expect(latencyMs).toBeLessThan(10_000);
    bench.simulator.clearFaults();
  },
  LIMIT_MS,
);

test(
  'two replicas agree: what one created the other answers for and deletes',
  async () => {
    await open();
    await bench.startWorkers();
    const [one, other] = [await bench.spawnService(), await bench.spawnService()];
    const created = await Promise.all(
      [one, other].map(({ flyte }) => flyte.v1.create(task('long', { name: 'shared' }))),
    );
    const [job, same] = created.map(valueOf);
    if (job === undefined) throw new Error('no job');
    expect(same).toEqual(job);
    await one.flyte.v1.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
    expect(valueOf(await other.flyte.v1.get(job))).toEqual(valueOf(await one.flyte.v1.get(job)));
    valueOf(await other.flyte.v1.delete(job));
    expect((await one.flyte.v1.follow(job)).last.message).toContain('canceled by Flyte');
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
  },
  LIMIT_MS,
);

test(
  'SIGTERM: NOT_SERVING first, calls are still answered, then the process ends by itself',
  async () => {
    await open();
    const service = await bench.spawnService();
    expect(valueOf(await service.flyte.health())).toBe('SERVING');
    service.kill('SIGTERM');
    await waitUntil('the service to say NOT_SERVING', async () => {
      const reply = await service.flyte.health();
      return (reply.ok && reply.value === 'NOT_SERVING') || undefined;
    });
    expect((await service.flyte.v1.list()).ok).toBe(true);
    expect(await service.ended).toBe(0);
  },
  LIMIT_MS,
);

describe('while Temporal is away', () => {
  let server: DevServer | undefined;

  afterEach(() => server?.stop());

  test(
    'known tasks get their last answer, nothing freezes, and afterwards all ends right',
    async () => {
      const options = await durableServerOptions();
      server = await startDevServer(options);
      await open({ temporalAddress: server.address, simulator: { timing: { runMs: 25_000 } } });
      await bench.spawnWorker();
      const { flyte } = await bench.spawnService();
      const job = valueOf(await flyte.v1.create(task('short', { name: 'known' })));
      const { last: before } = await flyte.v1.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
      process.kill(server.pid, 'SIGKILL');
      await server.ended;

      const looks = await Promise.all(Array.from({ length: 8 }, () => flyte.v1.get(job)));
      for (const look of looks) {
        expect(valueOf(look)).toMatchObject({ phase: 'RUNNING', logLinks: before.logLinks });
        expect(valueOf(look).message).toContain('Temporal does not answer');
      }
      const stranger = {
        resourceMeta: Buffer.from(JSON.stringify({ longhaul: 1, task: 'flyte:test:y' })).toString('base64'),
      };
      const refused = [
        await flyte.v1.get(stranger),
        await flyte.v1.delete(job),
        await flyte.v1.create(task('short', { name: 'refused' })),
      ];
      expect(refused.map((reply) => !reply.ok && reply.code)).toEqual(Array(3).fill('UNAVAILABLE'));
      for (const { latencyMs } of refused) expect(latencyMs).toBeLessThan(10_000);
      expect(valueOf(await flyte.v1.list())).not.toHaveLength(0);
      expect(valueOf(await flyte.health())).toBe('SERVING');
      expect(valueOf(await flyte.health('flyteidl.service.AsyncAgentService'))).toBe('SERVING');
      await waitUntil('the health name of Temporal to say it', async () => {
        const reply = await flyte.health('temporal');
        return (reply.ok && reply.value === 'NOT_SERVING') || undefined;
      });

      server = await startDevServer(options);
      const { last, failures } = await flyte.v1.follow(job, { limitMs: 80_000 });
      expect({ phase: last.phase, failures }).toEqual({ phase: 'SUCCEEDED', failures: [] });
      const id = taskId(job).replace('known', 'refused');
      const prevented = await waitUntil('the refused task to be prevented', async () => {
        const status = await bench.tasks.look(id).catch(() => undefined);
        return status?.state === 'CANCELED' ? status : undefined;
      });
      expect(prevented.message).toContain('answered with an error');
      expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
    },
    LIMIT_MS,
  );

  test(
    'a service that starts first serves lists and health, and takes tasks as soon as Temporal is there',
    async () => {
      const options = await durableServerOptions();
      server = await startDevServer(options);
      await open({ temporalAddress: server.address });
      await server.stop();
      const { flyte } = await bench.spawnService();
      expect(valueOf(await flyte.v2.list())).not.toHaveLength(0);
      expect(valueOf(await flyte.health())).toBe('SERVING');
      server = await startDevServer(options);
      const job = await waitUntil('a task to be taken', async () => {
        const reply = await flyte.v1.create(task('short'));
        return reply.ok ? reply.value : undefined;
      });
      await bench.spawnWorker();
      expect((await flyte.v1.follow(job)).last.phase).toBe('SUCCEEDED');
    },
    LIMIT_MS,
  );
});
