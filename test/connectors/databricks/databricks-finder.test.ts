import { startSimulator, type Simulator } from '../../../src/simulator';
import { LonghaulError, type FoundJob, type JobFinder } from '../../../src/connector';
import {
  createDatabricksConnectors,
  createWorkspaceDirectory,
  type DatabricksConnectorV2,
} from '../../../src/connectors/databricks';
import { markerOf, nameWithToken, readMarker } from '../../../src/connectors/databricks/databricks-request';
import { startFakeWorkspace } from './support/fake-workspace';
import { callContext, connectorFor, notebookTask, rejection, submitRequest, TOKEN } from './support/calls';

let simulator: Simulator;
let connector: DatabricksConnectorV2;
let finder: JobFinder;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: [TOKEN], speed: 1 });
  simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
  connector = connectorFor({ host: simulator.url });
  ({ finder } = connector);
});

afterAll(async () => {
  await connector.close();
  await simulator.close();
});

async function submit(token: string): Promise<string> {
  const request = {
    ...submitRequest({ run_name: 'nightly', tasks: [notebookTask('a')] }),
    idempotencyToken: token,
  };
  const { meta } = await connector.create(request, callContext());
  return connector.metadataType.externalId(meta);
}

test.each([
  ['lh-0b7c1c0e-2d0b-4a53-9b1c-446655440000-1', '6655440000-1'],
  ['lh-0b7c1c0e-2d0b-4a53-9b1c-446655440000-12', '655440000-12'],
])('the mark of %s in a run name is read back', (token, marker) => {
  expect(markerOf(token)).toBe(marker);
  expect(readMarker(nameWithToken('nightly [lh:not this]', token))).toBe(marker);
});

test.each(['nightly', '', 'nightly [lh:]', 'nightly [lh:6655440000-1] copy', '[LH:6655440000-1]'])(
  'a run named %j carries no mark',
  (name) => {
    expect(readMarker(name)).toBeUndefined();
  },
);

test.each(['', '0', '-1', '1.5', '12345678901234567890', '0x1', ' 1', 'abc'])(
  '%j is no run id',
  (externalId) => {
    expect(() => finder.checkReference({ externalId })).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK', field: 'run' }),
    );
  },
);

test('a run id of 19 digits is taken as it is', () => {
  expect(() => finder.checkReference({ externalId: '9223372036854775807' })).not.toThrow();
});

test('a run is found by its id, with its workspace, phase and mark', async () => {
  const externalId = await submit('lh-0b7c1c0e-2d0b-4a53-9b1c-446655440000-1');
  const found = await finder.find({ externalId }, callContext());
  expect(found).toMatchObject({ externalId, isTerminal: false, marker: '6655440000-1' });
  expect(found.name).toBe('nightly [lh:6655440000-1]');
  expect(finder.places()).toEqual([found.place]);
  expect(finder.placeOf({ meta: found.meta })).toBe(found.place);
});

test('a run that does not exist is gone; one task of a run is refused by naming the run', async () => {
  expect(await rejection(finder.find({ externalId: '4711' }, callContext()))).toMatchObject({
    code: 'RUN_GONE',
  });
  const externalId = await submit('lh-task-run');
  const { raw } = { raw: await readRaw(externalId) };
  const refused = await rejection(finder.find({ externalId: raw }, callContext()));
  expect(refused).toBeInstanceOf(LonghaulError);
  expect(refused).toMatchObject({ code: 'INVALID_TASK', message: expect.stringContaining(externalId) });
});

async function readRaw(runId: string): Promise<string> {
  const answer = await fetch(`${simulator.url}/api/2.2/jobs/runs/get?run_id=${runId}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const ids = [...(await answer.text()).matchAll(/"run_id":\s*(\d+)/g)].map(([, id = '']) => id);
  return ids.find((id) => id !== runId) ?? '';
}

test('all marked active runs are listed over many pages, each once, and no other run', async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, (_none, index) => submit(`lh-listed-${index}`)));
  await fetch(`${simulator.url}/api/2.2/jobs/runs/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ run_name: 'theirs', tasks: [notebookTask('a')] }),
  });
  const [place = ''] = finder.places();
  const jobs: FoundJob[] = [];
  let [pageToken, pages]: [string | undefined, number] = [undefined, 0];
  do {
    const page = await finder.listMarked(
      { place, ...(pageToken === undefined ? {} : { pageToken }) },
      callContext(),
    );
    jobs.push(...page.jobs);
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== undefined);
  expect(pages).toBeGreaterThan(2);
  expect(jobs.map(({ externalId }) => externalId)).toEqual(expect.arrayContaining(ids));
  expect(new Set(jobs.map(({ externalId }) => externalId)).size).toBe(jobs.length);
  expect(jobs.every(({ name }) => name !== 'theirs')).toBe(true);
});

describe('of two workspaces on one host', () => {
  const openBoth = (): DatabricksConnectorV2 => {
    const auth = { kind: 'pat', token: TOKEN } as const;
    const workspaces = createWorkspaceDirectory({
      workspaces: [
        { name: 'a', host: simulator.url, auth, projects: ['ads'] },
        { name: 'b', host: simulator.url, auth, projects: ['etl'] },
      ],
      ...{ defaultName: 'a', rules: [{ project: 'etl', workspace: 'b' }] },
    });
    const [both] = createDatabricksConnectors({ workspaces });
    if (both === undefined) throw new Error('no connector');
    return both;
  };

  test('the one in which a run was found stays in its meta, and both mean the same run', async () => {
    const both = openBoth();
    const externalId = await submit('lh-in-two-workspaces');
    const [inA, inB] = await Promise.all(
      ['a', 'b'].map((place) => both.finder.find({ externalId, place }, callContext())),
    );
    expect([inA, inB]).toMatchObject([
      { place: 'a', meta: { workspace: 'a' } },
      { place: 'b', meta: { workspace: 'b' } },
    ]);
    expect(both.finder.placeOf({ meta: inB?.meta ?? {} })).toBe('b');
    expect(both.finder.jobKey(inB?.meta ?? {})).toBe(both.finder.jobKey(inA?.meta ?? {}));
    const listed = await both.finder.listMarked({ place: 'b' }, callContext());
    expect(new Set(listed.jobs.map(({ meta }) => meta['workspace']))).toEqual(new Set(['b']));
    await both.close();
  });

  test('a run that a person names is looked for where its project may look', async () => {
    const both = openBoth();
    const externalId = await submit('lh-of-a-project');
    const find = (project: string, place?: string): Promise<FoundJob> => {
      const reference = { externalId, ...(place === undefined ? {} : { place }) };
      return both.finder.find(reference, { ...callContext(), taskExecution: { project } });
    };
    expect(await find('etl')).toMatchObject({ place: 'b' });
    expect(await find('etl', simulator.url)).toMatchObject({ place: 'b' });
    expect(await rejection(find('etl', 'a'))).toMatchObject({ code: 'PERMISSION_DENIED' });
    await both.close();
  });
});

test('a meta of another connector means no run', () => {
  expect(finder.jobKey({ version: 1, jobId: '7' })).toBeUndefined();
});

test('a run whose last repair is accepted and does not show yet has not ended; once it shows, its end counts', async () => {
  const fake = await startFakeWorkspace();
  const own = connectorFor(fake);
  const meta = { version: 1, databricksInstance: fake.host, runId: '4711', latestRepairId: '8' };
  const show = (...repairs: readonly string[]): void => {
    const history = [{ type: 'ORIGINAL' }, ...repairs.map((id) => ({ type: 'REPAIR', id }))];
    const state = { life_cycle_state: 'TERMINATED', result_state: 'FAILED' };
    fake.on('runs/get', { body: { run_id: 4711, job_id: 5, state, repair_history: history } });
  };
  const find = () => own.finder.find({ externalId: '4711', meta }, callContext());
  show('7');
  expect(await find()).toMatchObject({ phase: 'QUEUED', isTerminal: false, meta });
  show('7', '8');
  expect(await find()).toMatchObject({ phase: 'FAILED', isTerminal: true });
  await own.close();
  await fake.close();
});
