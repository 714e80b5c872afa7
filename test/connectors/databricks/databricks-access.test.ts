import type { CreateRequest, JsonObject } from '../../../src/connector';
import {
  createDatabricksConnectors,
  createWorkspaceDirectory,
  type DatabricksConnectorV2,
} from '../../../src/connectors/databricks';
import { callContext, IDEMPOTENCY_TOKEN, notebookTask, rejection, template, TOKEN } from './support/calls';
import { runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

let fake: FakeWorkspace;
let other: FakeWorkspace;

beforeEach(async () => {
  [fake, other] = await Promise.all([startFakeWorkspace(), startFakeWorkspace()]);
});

afterEach(() => Promise.all([fake.close(), other.close()]));

test('a start that went unanswered is sent to the same workspace again, whatever is the default by then', async () => {
  const auth = { kind: 'pat', token: TOKEN } as const;
  const workspaces = [
    { name: 'first', host: fake.host, auth },
    { name: 'second', host: other.host, auth },
  ];
  let defaultName = 'first';
  const [connector] = createDatabricksConnectors({
    workspaces: () => createWorkspaceDirectory({ workspaces, defaultName }),
  });
  let previousState: JsonObject | undefined;
  const send = () => {
    const announceSubmit = (state?: JsonObject): void => void (previousState = state);
    const request = {
      template: template({ request: { tasks: [notebookTask('a')] } }),
      idempotencyToken: 'lh-1',
    };
    return connector?.create(request, callContext({ previousState, announceSubmit }));
  };
  fake.on('/runs/submit', { status: 503, body: {} });
  expect(await rejection(Promise.resolve(send()))).toMatchObject({ code: 'UNAVAILABLE' });
  defaultName = 'second';
  fake.on('/runs/submit', { body: { run_id: 4711 } });
  expect(await send()).toMatchObject({ meta: { databricksInstance: fake.host, runId: '4711' } });
  expect(other.requests).toEqual([]);
  await connector?.close();
});

describe('a workspace that is open to some projects', () => {
  const connectorWith = (more: object, host = fake.host): DatabricksConnectorV2 => {
    const auth = { kind: 'pat', token: TOKEN } as const;
    const workspaces = createWorkspaceDirectory({
      workspaces: [{ name: 'closed', host, auth, projects: ['etl'], ...more }],
    });
    const [connector] = createDatabricksConnectors({ workspaces });
    if (connector === undefined) throw new Error('no connector');
    return connector;
  };
  const task = template({ workspace: 'closed', request: { tasks: [notebookTask('a')] } });
  const requestOf = (project: string): CreateRequest => ({
    ...{ template: task, idempotencyToken: IDEMPOTENCY_TOKEN, taskExecution: { project } },
  });

  it('refuses others at the door and again in the activity, and sends nothing', async () => {
    const connector = connectorWith({});
    const refused = expect.objectContaining({ code: 'PERMISSION_DENIED' }) as Error;
    expect(() => connector.authorize({ template: task }, { project: 'ads' })).toThrow(refused);
    expect(() => connector.authorize({ template: task }, {})).toThrow(refused);
    expect(() => connector.authorize({ template: task }, { project: 'etl' })).not.toThrow();
    expect(await rejection(connector.create(requestOf('ads'), callContext()))).toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(fake.requests).toEqual([]);
    await connector.close();
  });

  it('lets pass at the door what only the workers can know', async () => {
    const connector = connectorWith({ name: 'another' }, 'https://another.example');
    expect(() => connector.authorize({ template: task }, { project: 'ads' })).not.toThrow();
    await connector.close();
  });

  it('still stops what a task started before the workspace was closed to it', async () => {
    fake.on('/runs/submit', { body: { run_id: 4711 } });
    fake.on('/runs/cancel', { body: {} });
    fake.on('/runs/get', { body: runOf('TERMINATED', 'CANCELED') });
    const connector = connectorWith({});
    const target = { kind: 'request', request: requestOf('ads') } as const;
    expect(await connector.delete(target, callContext())).toMatchObject({ kind: 'stopped' });
    await connector.close();
  });

  it('fills the body with its defaults', async () => {
    fake.on('/runs/submit', { body: { run_id: 4711 } });
    const connector = connectorWith({ defaults: { performance_target: 'STANDARD', run_as: { a: 1 } } });
    await connector.create(requestOf('etl'), callContext());
    expect(JSON.parse(fake.requestsTo('/runs/submit')[0]?.text ?? '')).toMatchObject({
      performance_target: 'STANDARD',
    });
    await connector.close();
  });

  it('leaves its name in the meta where another one has the same host', async () => {
    fake.on('/runs/submit', { body: { run_id: 4711 } });
    fake.on('/runs/get', { body: runOf('RUNNING') });
    const auth = (token: string) => ({ kind: 'pat', token }) as const;
    const workspaces = createWorkspaceDirectory({
      workspaces: [
        { name: 'ads', host: fake.host, auth: auth('ads-token'), projects: ['ads'] },
        { name: 'closed', host: fake.host, auth: auth('etl-token'), projects: ['etl'] },
      ],
    });
    const [connector] = createDatabricksConnectors({ workspaces });
    const { meta } = (await connector?.create(requestOf('etl'), callContext())) ?? { meta: {} };
    expect(meta).toMatchObject({ workspace: 'closed' });
    await connector?.get(meta, callContext());
    expect(fake.requestsTo('/runs/get')[0]?.headers.authorization).toBe('Bearer etl-token');
    await connector?.close();
  });
});
