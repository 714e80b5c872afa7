import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConnectorRegistry, parseTaskTemplate, type JsonObject } from '../../../src/connector';
import { createDatabricksConnectors, loadWorkspaces } from '../../../src/connectors/databricks';
import {
  callContext,
  IDEMPOTENCY_TOKEN,
  notebookTask,
  rejection,
  submitRequest,
  template,
  TOKEN,
} from './support/calls';
import { connectorBench } from './support/connector-bench';
import { apiError, runOf, taskOf } from './support/fake-workspace';

const bench = connectorBench();

const ONE = { tasks: [notebookTask('a')] };
const FAILED = { state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' } };

describe('the connectors', () => {
  it('serve Flyte’s two task types side by side under one name', () => {
    const workspaces = loadWorkspaces({ env: {}, readFile: () => undefined });
    const registry = new ConnectorRegistry();
    for (const each of createDatabricksConnectors({ workspaces })) registry.register(each);
    expect(registry.listConnectors()).toEqual([
      {
        name: 'Databricks Connector',
        capabilities: { logs: true, metrics: true, repair: true, synchronous: false, fence: 'token' },
        supportedTaskCategories: [
          { name: 'databricks', version: 0 },
          { name: 'spark', version: 0 },
        ],
      },
    ]);
  });
});

describe('create', () => {
  it('submits once with the token and answers with the run', async () => {
    bench.fake.on('/runs/submit', { body: '{"run_id":9007199254740993}' });
    const call = callContext();
    const observation = await bench.connector.create(submitRequest(ONE, { name: 'n' }), call);
    expect(observation).toMatchObject({
      meta: { version: 1, databricksInstance: bench.fake.host, runId: '9007199254740993' },
      resource: { phase: 'QUEUED' },
      next: { kind: 'poll' },
    });
    expect(call.submits()).toBe(1);
    expect(JSON.parse(bench.fake.requests[0]?.text ?? '')).toEqual({
      ...ONE,
      queue: { enabled: true },
      run_name: `n [lh:${IDEMPOTENCY_TOKEN.slice(-12)}]`,
      idempotency_token: IDEMPOTENCY_TOKEN,
    });
  });

  it('runs a saved job with its 64-bit id as an integer', async () => {
    bench.fake.on('/run-now', { body: { run_id: 1, number_in_job: 1 } });
    await bench.connector.create(submitRequest({ job_id: '9007199254740993' }), callContext());
    expect(bench.fake.requests[0]?.path).toBe('/api/2.2/jobs/run-now');
    expect(bench.fake.requests[0]?.text).toBe(
      `{"job_id":9007199254740993,"queue":{"enabled":true},"idempotency_token":"${IDEMPOTENCY_TOKEN}"}`,
    );
  });

  it('sends a Flyte task to the workspace it names and marks its run', async () => {
    const file = join(__dirname, '../../fixtures/flyte/template-v1-databricksv2-no-instance.json');
    bench.fake.on('/runs/submit', { body: { run_id: 5 } });
    const flyte = parseTaskTemplate(JSON.parse(readFileSync(file, 'utf8')));
    const { meta: made } = await bench.connector.create(
      { template: flyte, idempotencyToken: 't-1' },
      callContext(),
    );
    expect(made).toMatchObject({ runId: '5', flyte: true });
  });

  it('gives no credentials to a host that is not configured', async () => {
    const request = {
      template: template({ request: ONE, workspace: 'evil.example' }),
      idempotencyToken: 't',
    };
    expect(await rejection(bench.connector.create(request, callContext()))).toMatchObject({ code: 'CONFIG' });
    expect(bench.fake.requests).toHaveLength(0);
  });

  it('puts secrets into the request only', async () => {
    bench.fake.on('/runs/submit', ({ text }) => apiError(400, 'BAD', `cannot use ${text}`));
    const request = submitRequest({
      tasks: [
        notebookTask('a', {
          notebook_task: { notebook_path: '/a', base_parameters: { p: { $secret: 'env:P' } } },
        }),
      ],
    });
    const thrown = await rejection(bench.connector.create(request, callContext()));
    expect(bench.fake.requests[0]?.text).toContain('value-of-env:P');
    expect(JSON.stringify({ ...(thrown as object), message: (thrown as Error).message })).not.toMatch(
      /value-of|dapi/,
    );
  });

  it('waits for another answer when the run id is missing from this one', async () => {
    bench.fake.on('/runs/submit', { body: {} });
    expect(await rejection(bench.connector.create(submitRequest(ONE), callContext()))).toMatchObject({
      code: 'UNAVAILABLE',
    });
  });
});

describe('get', () => {
  it('shows a running run: phase, progress, link and raw states', async () => {
    const tasks = [taskOf('a', 1), taskOf('b', 2, { state: { life_cycle_state: 'RUNNING' }, end_time: 0 })];
    bench.fake.on('/runs/get', {
      body: runOf('RUNNING', undefined, { tasks, status: { state: 'RUNNING' }, end_time: 0 }),
    });
    expect(await bench.connector.get(bench.meta, callContext())).toEqual({
      meta: bench.meta,
      resource: {
        phase: 'RUNNING',
        message: 'RUNNING: 1 of 2 tasks done',
        logLinks: [{ name: 'Databricks Console', uri: `${bench.fake.host}/#job/12/run/4711` }],
        customInfo: {
          run_id: '4711',
          job_id: '12',
          run_page_url: 'https://example.invalid/?o=1#job/12/run/4711',
          life_cycle_state: 'RUNNING',
          state: 'RUNNING',
          tasks: 2,
          tasks_done: 1,
          end_time: 0,
        },
      },
      next: { kind: 'poll' },
    });
    expect(bench.fake.requestsTo('/runs/get-output')).toHaveLength(0);
  });

  it('says why a run is queued', async () => {
    const state = {
      life_cycle_state: 'QUEUED',
      queue_reason: 'Queued due to reaching maximum concurrent runs of 1.',
    };
    bench.fake.on('/runs/get', { body: { run_id: 1, state } });
    const { resource } = await bench.connector.get(bench.meta, callContext());
    expect(resource).toMatchObject({ phase: 'QUEUED', message: `QUEUED: ${state.queue_reason}` });
  });

  it('reads all pages of a run of 250 tasks', async () => {
    const all = Array.from({ length: 250 }, (_, index) => taskOf(`t${index}`, index + 1));
    bench.fake.on('/runs/get', ({ query }) => {
      const from = Number(query.get('page_token') ?? 0);
      const next = from + 100 < all.length ? { next_page_token: String(from + 100) } : {};
      return { body: runOf('RUNNING', undefined, { tasks: all.slice(from, from + 100), ...next }) };
    });
    const { resource } = await bench.connector.get(bench.meta, callContext());
    expect(resource.message).toBe('RUNNING: 250 of 250 tasks done');
    expect(bench.fake.requests).toHaveLength(3);
  });

  it.each([
    ['the same token again', 'again', 2],
    ['an empty token', '', 1],
  ])('is not caught by %s', async (_, next_page_token, requests) => {
    bench.fake.on('/runs/get', {
      body: runOf('RUNNING', undefined, { tasks: [taskOf('a', 1), taskOf('b', 2)], next_page_token }),
    });
    const { resource } = await bench.connector.get(bench.meta, callContext());
    expect(resource.customInfo).toMatchObject({ tasks: 2 });
    expect(bench.fake.requests).toHaveLength(requests);
  });

  it('gives what single notebooks returned, and nothing for a Flyte task', async () => {
    const task = taskOf('a', 7, { notebook_task: { notebook_path: '/a' } });
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'SUCCESS', { tasks: [task] }) });
    bench.fake.on('/runs/get-output', {
      body: { notebook_output: { result: 'forty-two', truncated: false } },
    });
    const observation = await bench.connector.get(bench.meta, callContext());
    expect(observation.next).toEqual({ kind: 'done', verdict: { kind: 'succeeded' } });
    expect(observation.resource.outputs).toEqual({
      a: { kind: 'notebook', value: 'forty-two', truncated: false },
    });
    expect(
      (await bench.connector.get({ ...bench.meta, flyte: true }, callContext())).resource.outputs,
    ).toBeUndefined();
  });

  it('names the first cause of a failure first, roots before what was skipped for them', async () => {
    const upstream = {
      state: { life_cycle_state: 'TERMINATED', result_state: 'UPSTREAM_FAILED' },
      end_time: 1,
    };
    const tasks = [
      taskOf('skipped', 1, upstream),
      taskOf('second', 2, { ...FAILED, end_time: 9_000 }),
      taskOf('first', 3, {
        ...FAILED,
        end_time: 5_000,
        status: { termination_details: { code: 'RUN_EXECUTION_ERROR', type: 'CLIENT_ERROR' } },
      }),
      taskOf('fine', 4),
      taskOf('first', 5, { attempt_number: 0, start_time: 1, ...FAILED, end_time: 2 }),
    ];
    const state = {
      life_cycle_state: 'INTERNAL_ERROR',
      result_state: 'FAILED',
      state_message: 'Task first failed',
    };
    bench.fake.on('/runs/get', { body: { run_id: 4711, job_id: 12, state, tasks } });
    bench.fake.on('/runs/get-output', ({ query }) =>
      query.get('run_id') === '3'
        ? {
            body: {
              error: 'ZeroDivisionError: division by zero',
              error_trace: `${'x'.repeat(5_000)}\n\u001b[31mboom\u001b[0m`,
            },
          }
        : apiError(500, 'INTERNAL_ERROR', 'no output', { 'retry-after': '60' }),
    );
    const { resource, next } = await bench.connector.get(bench.meta, callContext());
    expect(next).toMatchObject({
      kind: 'done',
      verdict: { kind: 'failed', code: 'JOB_FAILED', cause: 'user', decision: { action: 'fail' } },
    });
    expect(resource.phase).toBe('FAILED');
    expect(resource.message).toBe(
      'Task first failed: ZeroDivisionError: division by zero (RUN_EXECUTION_ERROR)\n1 more task failed\n' +
        '1 task was skipped because of that\nINTERNAL_ERROR/FAILED: Task first failed',
    );
    const causes = resource.customInfo?.['causes'] as JsonObject[];
    expect(causes.map(({ taskKey }) => taskKey)).toEqual(['first', 'second']);
    expect(causes[0]).toMatchObject({ runId: '3', code: 'RUN_EXECUTION_ERROR', type: 'CLIENT_ERROR' });
    const trace = causes[0]?.['trace'] as string;
    expect(trace).toMatch(/^…x+\nboom$/);
    expect(trace.length).toBeLessThanOrEqual(1_500);
    expect(causes[1]).toMatchObject({ error: 'TERMINATED/FAILED' });
  });

  it('asks for three causes of many', async () => {
    const tasks = Array.from({ length: 40 }, (_, index) => taskOf(`t${index}`, index + 1, FAILED));
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'FAILED', { tasks }) });
    bench.fake.on('/runs/get-output', { body: { error: 'e' } });
    const { resource } = await bench.connector.get(bench.meta, callContext());
    expect(resource.message).toContain('39 more tasks failed');
    expect(bench.fake.requestsTo('/runs/get-output').map(({ query }) => query.get('run_id'))).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  it('says that a deleted run is gone', async () => {
    bench.fake.on('/runs/get', apiError(400, 'INVALID_PARAMETER_VALUE', 'Run 4711 does not exist'));
    expect(await rejection(bench.connector.get(bench.meta, callContext()))).toMatchObject({
      code: 'RUN_GONE',
    });
  });

  it('never shows the token', async () => {
    bench.fake.on('/runs/get', { body: runOf('RUNNING') });
    expect(JSON.stringify(await bench.connector.get(bench.meta, callContext()))).not.toContain(TOKEN);
  });
});

describe('delete', () => {
  it('asks for the stop until the run is seen to have ended', async () => {
    let looks = 0;
    bench.fake.on('/runs/cancel', {});
    bench.fake.on('/runs/get', () => {
      looks += 1;
      return { body: looks === 1 ? runOf('TERMINATING') : runOf('TERMINATED', 'CANCELED') };
    });
    expect(await bench.connector.delete({ kind: 'meta', meta: bench.meta }, callContext())).toMatchObject({
      kind: 'stopping',
    });
    expect(await bench.connector.delete({ kind: 'meta', meta: bench.meta }, callContext())).toMatchObject({
      kind: 'stopped',
      resource: { phase: 'ABORTED' },
    });
    expect(bench.fake.requestsTo('/runs/cancel')[0]?.text).toBe('{"run_id":4711}');
  });

  it('tells the true end of a run that finished by itself, even when the cancel is refused', async () => {
    bench.fake.on('/runs/cancel', apiError(400, 'INVALID_STATE', 'Run is already terminated'));
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'SUCCESS') });
    const outcome = await bench.connector.delete({ kind: 'meta', meta: bench.meta }, callContext());
    expect(outcome).toMatchObject({ kind: 'stopped', resource: { phase: 'SUCCEEDED' } });
  });

  it('takes a run that is gone for stopped, and says so', async () => {
    bench.fake.on('/runs/cancel', apiError(400, 'INVALID_PARAMETER_VALUE', 'Run 4711 does not exist'));
    const outcome = await bench.connector.delete({ kind: 'meta', meta: bench.meta }, callContext());
    expect(outcome).toMatchObject({
      kind: 'stopped',
      resource: { phase: 'ABORTED', message: expect.stringContaining('no longer exists') as string },
    });
  });

  it('by request sends the same body with the same token and stops what comes back', async () => {
    bench.fake.on('/runs/submit', { body: { run_id: 4711 } });
    bench.fake.on('/runs/cancel', {});
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'CANCELED') });
    const request = submitRequest(ONE);
    const call = callContext();
    await bench.connector.create(request, call);
    const outcome = await bench.connector.delete({ kind: 'request', request }, call);
    expect(outcome).toMatchObject({ kind: 'stopped', meta: { runId: '4711' } });
    const [first, second] = bench.fake.requestsTo('/runs/submit');
    expect(second?.text).toBe(first?.text);
    expect(call.submits()).toBe(2);
  });

  it.each([
    [apiError(400, 'INVALID_PARAMETER_VALUE', 'bad cluster')],
    [apiError(403, 'PERMISSION_DENIED', 'no')],
    [apiError(404, 'RESOURCE_DOES_NOT_EXIST', 'no cluster')],
  ])('by request finds that nothing was started when the start is refused: %j', async (refusal) => {
    bench.fake.on('/runs/submit', refusal);
    const outcome = await bench.connector.delete(
      { kind: 'request', request: submitRequest(ONE) },
      callContext(),
    );
    expect(outcome).toMatchObject({ kind: 'nothing', message: expect.stringContaining('no run') as string });
  });

  it.each([
    [apiError(401, 'UNAUTHENTICATED', 'no'), 'UNAUTHENTICATED'],
    [apiError(429, 'REQUEST_LIMIT_EXCEEDED', 'slow'), 'RATE_LIMITED'],
    [apiError(503, 'X', 'later'), 'UNAVAILABLE'],
  ])('by request does not guess when the answer leaves it open: %j', async (answer, code) => {
    bench.fake.on('/runs/submit', answer);
    const request = submitRequest(ONE);
    expect(
      await rejection(bench.connector.delete({ kind: 'request', request }, callContext())),
    ).toMatchObject({
      code,
    });
  });

  it('by request never takes a refused cancel for nothing to cancel', async () => {
    bench.fake.on('/runs/submit', { body: { run_id: 4711 } });
    bench.fake.on('/runs/cancel', apiError(403, 'PERMISSION_DENIED', 'not yours'));
    const request = submitRequest(ONE);
    const thrown = await rejection(bench.connector.delete({ kind: 'request', request }, callContext()));
    expect(thrown).toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});
