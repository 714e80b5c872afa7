import { createDatabricksClient } from '../../../src/connectors/databricks/databricks-client';
import type { DatabricksClient } from '../../../src/connectors/databricks/databricks-client';
import type { WorkspaceAuth, WorkspaceLimits } from '../../../src/connectors/databricks';
import type { Answer } from '../../support/http-server';
import { callContext, rejection, TOKEN } from './support/calls';
import { apiError, runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

const PAT: WorkspaceAuth = { kind: 'pat', token: TOKEN };
const READ = { operation: 'read', path: 'runs/get', query: { run_id: '1' } } as const;
const SUBMIT = { operation: 'submit', path: 'runs/submit', body: { run_name: 'r' } } as const;
const CANCEL = { operation: 'cancel', path: 'runs/cancel', body: { run_id: '1' } } as const;

let fake: FakeWorkspace;
let client: DatabricksClient;
/** When each request came, on the monotonic clock. */
let arrivals: number[];

beforeEach(async () => {
  fake = await startFakeWorkspace();
  arrivals = [];
});
afterEach(async () => {
  await client.close();
  await fake.close();
});

function open(limits: WorkspaceLimits, auth = PAT): DatabricksClient {
  client = createDatabricksClient({ name: 'w', host: fake.host, auth, limits }, { version: '1' });
  return client;
}

/** Notes each arrival, then answers. */
function answer(path: string, reply: (nth: number) => Answer | 'reset'): void {
  let count = 0;
  fake.on(path, () => {
    arrivals.push(performance.now());
    count += 1;
    return reply(count);
  });
}

function spanMs(): number {
  return (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0);
}

describe('the request budget of a host', () => {
  it('is kept by looks, submits, cancels and token requests alike', async () => {
    for (const path of ['/runs/get', '/runs/submit', '/runs/cancel']) {
      answer(path, () => ({ body: { ...runOf('RUNNING'), run_id: 1 } }));
    }
    answer('/oidc/v1/token', () => ({ body: { access_token: 't', expires_in: 3600 } }));
    const { send } = open(
      { requestsPerSecond: 20, submitsPerSecond: 20 },
      { kind: 'oauth-m2m', clientId: 'c', clientSecret: 'secret-canary' },
    );
    const requests = Array.from({ length: 20 }, () => [READ, SUBMIT, CANCEL]).flat();
    await Promise.all(requests.map((request) => send(request, callContext())));
    expect(arrivals).toHaveLength(61);
    // 20 a second after the half second's worth that may go at once; the other side's clock sees it a little off.
    expect(spanMs()).toBeGreaterThan(((61 - 10) / 20) * 1000 - 300);
  });

  it('is asked again for each retry inside a call and each second try with 2.1', async () => {
    answer('/2.2/jobs/runs/get', () => apiError(404, 'ENDPOINT_NOT_FOUND', 'no'));
    answer('/2.1/jobs/runs/get', (nth) => (nth === 1 ? 'reset' : { body: runOf('RUNNING') }));
    const { send } = open({ requestsPerSecond: 2 });
    await send(READ, callContext());
    expect(arrivals).toHaveLength(4);
    expect(spanMs()).toBeGreaterThan(1_200);
  });

  it('does not count a submit as sent that it held back', async () => {
    answer('/runs/submit', () => apiError(429, 'REQUEST_LIMIT_EXCEEDED', 'slow', { 'retry-after': '60' }));
    const { send } = open({});
    const call = callContext();
    const announce = (): void => call.announceSubmit();
    const refused = await rejection(send({ ...SUBMIT, announce }, call));
    const heldBack = await rejection(send({ ...SUBMIT, announce }, call));
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', isHeldBack: false, retryAfterMs: 60_000 });
    expect(heldBack).toMatchObject({ code: 'RATE_LIMITED', isHeldBack: true });
    expect([arrivals.length, call.submits()]).toEqual([1, 1]);
  });

  it('after Retry-After sends nothing until then, and no herd after it', async () => {
    answer('/runs/get', (nth) =>
      nth === 5
        ? apiError(429, 'REQUEST_LIMIT_EXCEEDED', 'slow', { 'retry-after': '2' })
        : { body: runOf('RUNNING') },
    );
    const { send } = open({ requestsPerSecond: 20 });
    await Promise.all(Array.from({ length: 30 }, () => send(READ, callContext())));
    const gaps = arrivals.map((at, index) => at - (arrivals[index - 1] ?? at));
    const resumed = gaps.findIndex((gap) => gap > 1_900);
    expect(resumed).toBeGreaterThan(0);
    const after = arrivals.slice(resumed);
    expect(after.filter((at) => at < (after[0] ?? 0) + 500).length).toBeLessThanOrEqual(12);
  });

  it('lets looks and cancels go on while a quota of runs holds back submits', async () => {
    answer('/runs/submit', () =>
      apiError(400, 'QUOTA_EXCEEDED', 'The quota for the number of jobs has been reached.'),
    );
    answer('/runs/get', () => ({ body: runOf('RUNNING') }));
    const { send } = open({});
    await rejection(send(SUBMIT, callContext()));
    expect(await rejection(send(SUBMIT, callContext()))).toMatchObject({ isHeldBack: true });
    expect(await send(READ, callContext())).toMatchObject({ run_id: 4711 });
    expect(arrivals).toHaveLength(2);
  });
});
