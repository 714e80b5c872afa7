import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRedactor } from '../../../src/config/redactor';
import { LonghaulError, parseTaskTemplate, type ResourceMeta } from '../../../src/connector';
import {
  createDatabricksConnectors,
  loadWorkspaces,
  type DatabricksConnectorV2,
  type WorkspaceAuth,
} from '../../../src/connectors/databricks';
import { startSimulator } from '../../../src/simulator';
import { waitUntil } from '../../support/wait-until';
import {
  callContext,
  connectorFor,
  notebookTask,
  rejection,
  submitRequest,
  template,
  TOKEN,
  type TestCall,
} from './support/calls';
import { apiError, runOf, startFakeWorkspace, taskOf, type FakeWorkspace } from './support/fake-workspace';

const OWN = 'dapi-of-the-task-0123456789';
const OAUTH: WorkspaceAuth = { kind: 'oauth-m2m', clientId: 'c', clientSecret: 'client-secret' };
const REQUEST = submitRequest({ tasks: [notebookTask('a')] });

let fake: FakeWorkspace;
let connector: DatabricksConnectorV2;
let meta: ResourceMeta;

beforeEach(async () => {
  fake = await startFakeWorkspace();
  connector = connectorFor(fake);
  meta = { version: 1, databricksInstance: fake.host, runId: '4711' };
  fake.on('/runs/submit', { body: { run_id: 4711 } });
  fake.on('/runs/cancel', { body: {} });
  fake.on('/runs/get', { body: runOf('TERMINATED', 'FAILED', { tasks: [taskOf('a', 1, FAILED)] }) });
  fake.on('/runs/get-output', { body: { logs: 'l', error: 'e' } });
});

afterEach(async () => {
  await connector.close();
  await fake.close();
});

const FAILED = { state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' } };

function bringing(token: string | undefined, more: Partial<TestCall> = {}): TestCall {
  const connectionSecret = async (name: string): Promise<string | undefined> =>
    name === 'databricks_token' ? token : undefined;
  return callContext({ connectionSecret, ...more });
}

/** A connector configured as an operator does it, by variables. */
function configured(env: Readonly<Record<string, string>>, file?: string): DatabricksConnectorV2 {
  const workspaces = loadWorkspaces({ env: { HOME: '/home/u', ...env }, readFile: () => file });
  const [made] = createDatabricksConnectors({ workspaces, version: '1.2.3' });
  if (made === undefined) throw new Error('no connector');
  connector = made;
  return made;
}

const asked = (): unknown[] => fake.requests.map(({ headers }) => headers.authorization);

const CALLS: readonly [string, (call: TestCall) => Promise<unknown>, number][] = [
  ['create', (call) => connector.create(REQUEST, call), 1],
  ['get', (call) => connector.get(meta, call), 3],
  ['delete', (call) => connector.delete({ kind: 'meta', meta }, call), 4],
  ['the fence', (call) => connector.delete({ kind: 'request', request: REQUEST }, call), 5],
  ['getLogs', (call) => connector.getLogs(meta, {}, call), 2],
  ['getMetrics', (call) => connector.getMetrics(meta, call), 1],
];

describe('a task’s own token', () => {
  test.each(CALLS)('is what every request of %s shows, and without one the workspace’s', async (...row) => {
    const [, act, requests] = row;
    await act(bringing(OWN));
    await act(bringing(undefined));
    const each = (token: string): unknown[] => Array.from({ length: requests }, () => `Bearer ${token}`);
    expect(asked()).toEqual([...each(OWN), ...each(TOKEN)]);
  });

  test('takes the place of OAuth too: none is asked for', async () => {
    connector = connectorFor(fake, { auth: OAUTH });
    await connector.get(meta, bringing(OWN));
    expect(fake.requestsTo('/oidc/v1/token')).toHaveLength(0);
    expect(fake.requests[0]?.headers['user-agent']).toMatch(/auth\/pat$/);
  });

  test('that was rotated is used by the next call', async () => {
    for (const token of [OWN, 'dapi-second', OWN]) await connector.getMetrics(meta, bringing(token));
    expect(asked()).toEqual([`Bearer ${OWN}`, 'Bearer dapi-second', `Bearer ${OWN}`]);
  });

  test('shares sockets and what was learnt of the workspace with all others', async () => {
    fake.on('/runs/get', ({ path }) =>
      path.includes('/2.2/') ? apiError(404, 'ENDPOINT_NOT_FOUND', 'no') : { body: runOf('RUNNING') },
    );
    for (let index = 0; index < 50; index += 1) {
      await connector.getMetrics(meta, bringing(`dapi-token-of-${index}`));
    }
    expect(fake.requests).toHaveLength(51);
    expect(new Set(fake.requests.map(({ port }) => port)).size).toBeLessThan(5);
  });

  test('is read as files have it, with white space around', async () => {
    await connector.getMetrics(meta, bringing(` ${OWN}\n`));
    expect(asked()).toEqual([`Bearer ${OWN}`]);
  });

  test.each(['', ' \n', 'two words', 'dapi-ü'])(
    'that can be none (%j) is refused, and the workspace’s does not step in',
    async (token) => {
      for (const [, act] of CALLS) {
        const thrown = await rejection(act(bringing(token)));
        expect(thrown).toMatchObject({ code: 'UNAUTHENTICATED' });
      }
      expect(fake.requests).toHaveLength(0);
    },
  );

  test('that does not open ends the call with that error', async () => {
    const locked = new LonghaulError('SECRET_UNAVAILABLE', 'no key');
    const call = callContext({ connectionSecret: () => Promise.reject(locked) });
    expect(await rejection(connector.get(meta, call))).toBe(locked);
    expect(fake.requests).toHaveLength(0);
  });

  test('that is refused is to be renewed with the task and not with the workspace', async () => {
    fake.on('/runs/get', apiError(403, 'PERMISSION_DENIED', `Invalid access token ${OWN}`));
    const refused = await rejection(connector.get(meta, bringing(OWN)));
    expect(refused).toMatchObject({
      code: 'UNAUTHENTICATED',
      advice: expect.stringContaining('the token that the task brings'),
      message: expect.stringContaining('Invalid access token ***'),
    });
    expect(await rejection(connector.get(meta, bringing(undefined)))).toMatchObject({
      advice: expect.stringContaining('Renew the credentials configured for'),
    });
  });

  test('is shown nowhere: not in errors, messages, causes, logs, nor in the meta', async () => {
    const long = 'x'.repeat(995);
    fake.on('/runs/get-output', {
      body: { logs: `${long}\n${OWN}`, error: OWN, error_trace: `${long}${OWN}` },
    });
    fake.on('/runs/submit', apiError(400, 'BAD', `${long.slice(0, 900)} ${OWN}`));
    const texts: string[] = [];
    for (const token of [OWN, ` ${OWN}\n`]) {
      const { redactText: redact } = createRedactor([token]);
      const call = bringing(token, { redact });
      texts.push(JSON.stringify(await connector.get(meta, call)));
      texts.push(JSON.stringify(await connector.getLogs(meta, {}, call)));
      texts.push(LonghaulError.from(await rejection(connector.create(REQUEST, call))).message);
    }
    const half = OWN.slice(0, 8);
    expect(texts.filter((text) => text.includes(half))).toEqual([]);
  });

  test('that Flyte 2 names in its template stays a name, and out of what is sent', async () => {
    const file = join(__dirname, '../../fixtures/flyte/template-v2-databricks-new-cluster.json');
    const text = readFileSync(file, 'utf8').replace('dbx.example.invalid', fake.host);
    const request = { template: parseTaskTemplate(JSON.parse(text)), idempotencyToken: 't-1' };
    await connector.create(request, bringing(OWN));
    expect(asked()).toEqual([`Bearer ${OWN}`]);
    expect(fake.requests[0]?.text).not.toMatch(/DBX_TOKEN|databricks_token|secrets/);
  });
});

describe('a workspace with a host alone', () => {
  const file = (): string =>
    `[bare]\nhost = ${fake.host}\n[cli]\nhost = https://cli.example\nauth_type = databricks-cli\n`;
  const byVariable = (name: string) => () => configured({ [name]: fake.host });
  test.each([
    { by: 'Flyte’s variable', make: byVariable('FLYTE_DATABRICKS_INSTANCE'), task: {} },
    { by: 'Databricks’ variable', make: byVariable('DATABRICKS_HOST'), task: {} },
    { by: 'a profile', make: () => configured({}, file()), task: { workspace: 'bare' } },
    {
      by: 'the default profile',
      make: () => configured({ DATABRICKS_CONFIG_PROFILE: 'bare' }, file()),
      task: {},
    },
  ])('serves tasks that bring a token, and no others: by $by', async ({ make, task }) => {
    make();
    const custom = { request: { tasks: [notebookTask('a')] }, ...task };
    const request = { template: template(custom), idempotencyToken: 't-1' };
    const made = await connector.create(request, bringing(OWN));
    await connector.getMetrics(made.meta, bringing(OWN));
    expect(asked()).toEqual([`Bearer ${OWN}`, `Bearer ${OWN}`]);
    const refused = { code: 'CONFIG', message: expect.stringContaining('neither a token nor') };
    expect(await rejection(connector.create(request, bringing(undefined)))).toMatchObject(refused);
    expect(await rejection(connector.get(made.meta, bringing(undefined)))).toMatchObject(refused);
    expect(fake.requests).toHaveLength(2);
  });

  test('is not chosen by chance: of several, one must be named', async () => {
    configured({}, file());
    expect(await rejection(connector.create(REQUEST, bringing(OWN)))).toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('none is the default (bare, cli)'),
    });
    expect(fake.requests).toHaveLength(0);
  });

  test('does not take the default from one that has credentials', async () => {
    const elsewhere = 'https://bare.example';
    configured({ DATABRICKS_HOST: fake.host, DATABRICKS_TOKEN: TOKEN, FLYTE_DATABRICKS_INSTANCE: elsewhere });
    await connector.create(REQUEST, bringing(OWN));
    expect(asked()).toEqual([`Bearer ${OWN}`]);
  });
});

describe('a host that is not configured', () => {
  test('gets no token of a task either, by template or by meta', async () => {
    configured({ DATABRICKS_HOST: 'https://other.example' });
    const custom = { request: { tasks: [notebookTask('a')] }, workspace: fake.host };
    const request = { template: template(custom), idempotencyToken: 't-1' };
    const refused = { code: 'CONFIG', message: expect.stringContaining('is not configured here') };
    expect(await rejection(connector.create(request, bringing(OWN)))).toMatchObject(refused);
    expect(await rejection(connector.get(meta, bringing(OWN)))).toMatchObject(refused);
    expect(await rejection(connector.delete({ kind: 'meta', meta }, bringing(OWN)))).toMatchObject(refused);
    expect(fake.requests).toHaveLength(0);
  });
});

describe('against the simulated workspace', () => {
  test('a job runs to its end with a token that only the task knows', async () => {
    const simulator = await startSimulator({ tokens: [OWN], speed: 50 });
    configured({ FLYTE_DATABRICKS_INSTANCE: simulator.url });
    const made = await connector.create(REQUEST, bringing(OWN));
    const end = await waitUntil('the end of the run', async () => {
      const seen = await connector.get(made.meta, bringing(OWN));
      return seen.next.kind === 'done' ? seen : undefined;
    });
    expect(end.resource.phase).toBe('SUCCEEDED');
    await simulator.close();
  });
});
