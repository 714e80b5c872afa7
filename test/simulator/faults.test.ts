import { parseFaultSpec } from '../../src/simulator';
import { waitUntil } from '../support/wait-until';
import {
  closeSimulators,
  ended,
  get,
  getRun,
  notebook,
  post,
  simulate,
  submit,
  TOKEN,
} from './workspace-client';

afterEach(closeSimulators);

const body = { idempotency_token: 'lh-1', tasks: [notebook('a')] };

describe('fault specs', () => {
  test.each([
    [
      'submit:commit-then-503:times=1',
      { operation: 'submit', kind: 'commit-then-status', status: 503, times: 1 },
    ],
    [
      'get:429:retryAfter=2:times=3',
      { operation: 'get', kind: 'status', status: 429, retryAfter: '2', times: 3 },
    ],
    ['submit:hang:commitAfterMs=30000', { operation: 'submit', kind: 'hang', commitAfterMs: 30_000 }],
    ['*:latency:ms=300', { operation: '*', kind: 'latency', ms: 300 }],
    [
      'get:unknown-state:lifeCycle=ODD:times=forever',
      { operation: 'get', kind: 'unknown-state', lifeCycle: 'ODD', times: 0 },
    ],
    ['cancel:reset:skip=2', { operation: 'cancel', kind: 'reset', skip: 2 }],
  ])('%s', (text, fault) => {
    expect(parseFaultSpec(text)).toEqual(fault);
  });

  test.each(['', 'submit', 'submit:explode', 'submit:503:tmies=1', 'get:latency:ms=soon'])(
    '%j is refused',
    (text) => {
      expect(() => parseFaultSpec(text)).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    },
  );
});

describe('lost replies', () => {
  test.each(['commit-then-503', 'commit-then-reset'])(
    '%s starts the run the repeated submit then finds',
    async (kind) => {
      const simulator = await simulate({ faults: [parseFaultSpec(`submit:${kind}`)] });
      const first = await post(simulator.url, 'runs/submit', body).catch(() => undefined);
      expect(first?.status).toBe(kind === 'commit-then-503' ? 503 : undefined);
      const { tokens } = simulator.counters();
      expect(await submit(simulator.url, body)).toBe(tokens['lh-1']?.runId);
      expect(simulator.counters()).toMatchObject({ runsCreated: 1, tokens: { 'lh-1': { posts: 2 } } });
    },
  );

  test('a plain status or reset starts nothing', async () => {
    const simulator = await simulate({
      faults: [parseFaultSpec('submit:503'), parseFaultSpec('submit:reset')],
    });
    expect((await post(simulator.url, 'runs/submit', body)).status).toBe(503);
    await expect(post(simulator.url, 'runs/submit', body)).rejects.toThrow();
    expect(simulator.counters()).toMatchObject({ submits: 2, runsCreated: 0 });
  });

  test('a hung submit may still commit after its client has gone', async () => {
    const simulator = await simulate({ faults: [parseFaultSpec('submit:hang:commitAfterMs=800')] });
    await expect(
      post({ url: simulator.url, signal: AbortSignal.timeout(100) }, 'runs/submit', body),
    ).rejects.toThrow();
    expect(simulator.counters().runsCreated).toBe(0);
    await waitUntil('the late commit', () => simulator.counters().runsCreated === 1 || undefined, 5000);
    expect(await submit(simulator.url, body)).toBe(simulator.counters().tokens['lh-1']?.runId);
  });
});

describe('trouble', () => {
  test('429 comes with Retry-After if asked for, and only so many times', async () => {
    const { url } = await simulate({
      faults: [parseFaultSpec('list:429:retryAfter=2'), parseFaultSpec('list:429')],
    });
    const replies = [
      await get(url, 'runs/list', {}),
      await get(url, 'runs/list', {}),
      await get(url, 'runs/list', {}),
    ];
    expect(replies.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(replies[0]?.headers['retry-after']).toBe('2');
    expect(replies[1]?.headers).not.toHaveProperty('retry-after');
    expect(replies[0]?.body.error_code).toBe('REQUEST_LIMIT_EXCEEDED');
  });

  test('above the rate limit requests get 429 with Retry-After', async () => {
    const simulator = await simulate({ ratePerSecond: 3 });
    const replies = await Promise.all([1, 2, 3, 4, 5].map(() => get(simulator.url, 'runs/list', {})));
    const limited = replies.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(1);
    expect(limited[0]?.headers['retry-after']).toBe('1');
    expect(simulator.counters().rateLimited).toBe(limited.length);
  });

  test('a refusing workspace takes no connection until it is opened on the same port', async () => {
    const simulator = await simulate();
    await simulator.setRefusing(true);
    await expect(get(simulator.url, 'runs/list', {})).rejects.toThrow(/ECONNREFUSED/);
    await simulator.setRefusing(false);
    expect((await get(simulator.url, 'runs/list', {})).status).toBe(200);
  });

  test.each(['asked for', 'as a fault'])('connections are refused for a while, %s', async (how) => {
    const { url } = await simulate();
    if (how === 'asked for') expect((await post(url, '/simulator/refuse', { ms: 1000 })).status).toBe(200);
    else {
      await post(url, '/simulator/faults', { fault: 'list:refused:ms=1000' });
      await expect(get(url, 'runs/list', {})).rejects.toThrow();
    }
    const isReachable = () =>
      get(url, 'runs/list', {}).then(
        () => true,
        () => false,
      );
    await waitUntil('the refusal', async () => !(await isReachable()) || undefined, 2000);
    await waitUntil('the return', async () => (await isReachable()) || undefined, 5000);
  });

  test('unknown states are shown to get and deleted runs are gone', async () => {
    const simulator = await simulate({ faults: [parseFaultSpec('get:unknown-state:lifeCycle=ODD:times=1')] });
    const runId = await submit(simulator.url, body);
    expect((await getRun(simulator.url, runId)).state.life_cycle_state).toBe('ODD');
    await ended(simulator.url, runId);
    simulator.addFault({ operation: 'get', kind: 'run-deleted' });
    expect((await getRun(simulator.url, runId)).message).toBe(`Run ${runId} does not exist`);
  });

  test('proxies answer in HTML and by redirect', async () => {
    const { url } = await simulate({
      faults: [parseFaultSpec('get:html:status=502'), parseFaultSpec('get:redirect')],
    });
    expect(await get(url, 'runs/get', { run_id: '1' })).toMatchObject({
      status: 502,
      headers: { 'content-type': 'text/html' },
    });
    expect((await get(url, 'runs/get', { run_id: '1' })).headers['location']).toContain(
      'private-link-validation-error',
    );
  });
});

describe('admin endpoints', () => {
  test('faults, outcomes and tokens can be set over HTTP, counters read', async () => {
    const { url } = await simulate();
    await post(url, '/simulator/faults', { fault: 'submit:commit-then-500' });
    await post(url, '/simulator/faults', {
      operation: 'submit',
      kind: '429',
      message: 'slow: down',
      retryAfter: 7,
    });
    await post(url, '/simulator/outcomes', {
      match: { taskKey: 'a' },
      outcome: { result: 'FAILED', runMs: 0 },
    });
    expect((await post(url, 'runs/submit', body)).status).toBe(500);
    expect(await post(url, 'runs/submit', body)).toMatchObject({
      status: 429,
      body: { message: 'slow: down' },
    });
    const runId = await submit(url, body);
    expect((await ended(url, runId)).state.result_state).toBe('FAILED');
    const { body: counters } = await get(url, '/simulator/counters', {});
    expect(counters).toMatchObject({
      submits: 3,
      runsCreated: 1,
      activeRuns: 0,
      tokens: { 'lh-1': { posts: 3, runId } },
    });
    await post(url, '/simulator/tokens', { token: TOKEN, allowed: false });
    expect((await get(url, 'runs/list', {})).status).toBe(403);
    expect((await get(url, '/simulator/health', {})).body.status).toBe('ok');
  });

  test('a bad fault is refused with its reason', async () => {
    const { url } = await simulate();
    const reply = await post(url, '/simulator/faults', { fault: 'submit:explode' });
    expect(reply).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } });
  });
});
