import { readRun, type Run } from '../../../src/connectors/databricks/databricks-api';
import {
  createDatabricksClient,
  type DatabricksClient,
} from '../../../src/connectors/databricks/databricks-client';
import { callContext, notebookTask, rejection, TOKEN } from './support/calls';
import { apiError, runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

const LIMITS = { requestsPerSecond: 1_000, submitsPerSecond: 1_000 };
let fake: FakeWorkspace;
let client: DatabricksClient;

beforeEach(async () => {
  fake = await startFakeWorkspace();
  const auth = { kind: 'pat', token: TOKEN } as const;
  client = createDatabricksClient({ name: 'w', host: fake.host, auth, limits: LIMITS }, { version: '1' });
});
afterEach(async () => {
  await client.close();
  await fake.close();
});

/** The pages in their order; the token of a page is its number. */
function serve(pages: readonly Readonly<Record<string, unknown>>[]): void {
  fake.on('/runs/get', ({ query }) => ({
    body: { ...runOf('RUNNING'), ...pages[Number(query.get('page_token') ?? 0)] },
  }));
}

function read(): Promise<Run> {
  return readRun(client, '1', callContext());
}

function taskRuns(...ids: readonly number[]): object[] {
  return ids.map((run_id) => ({ ...notebookTask(`t${run_id}`), run_id }));
}

const idsOf = ({ tasks }: Run): unknown[] => tasks.map((task) => task['run_id']);

it('every array of a run is read to its end, with one request for each page', async () => {
  serve([
    { tasks: taskRuns(1), job_clusters: [{ job_cluster_key: 'a' }], next_page_token: '1' },
    { tasks: taskRuns(2), job_clusters: [{ job_cluster_key: 'b' }], next_page_token: '2' },
    { iterations: [{ run_id: 7 }], repair_history: [{ type: 'ORIGINAL' }] },
  ]);
  const run = await read();
  expect(idsOf(run)).toEqual([1, 2]);
  expect(run.raw).toMatchObject({
    job_clusters: [{ job_cluster_key: 'a' }, { job_cluster_key: 'b' }],
    iterations: [{ run_id: 7 }],
    repair_history: [{ type: 'ORIGINAL' }],
  });
  expect(run).toMatchObject({ isPartial: false, requests: 3, apiVersion: '2.2' });
});

it('an empty token is the end', async () => {
  serve([{ tasks: taskRuns(1), next_page_token: '' }]);
  expect(await read()).toMatchObject({ isPartial: false, requests: 1 });
});

it('a token that comes again ends the reading as partial, and counts no task twice', async () => {
  serve([
    { tasks: taskRuns(1), next_page_token: '1' },
    { tasks: taskRuns(2), next_page_token: '1' },
  ]);
  const run = await read();
  expect(idsOf(run)).toEqual([1, 2]);
  expect(run).toMatchObject({ isPartial: true, requests: 2 });
});

it('pages that shift, shrink or are empty while the run changes lose and double nothing they show', async () => {
  serve([
    { tasks: taskRuns(1, 2, 3), next_page_token: '1' },
    { next_page_token: '2' },
    { tasks: taskRuns(3, 4) },
  ]);
  expect(idsOf(await read())).toEqual([1, 2, 3, 4]);
});

it('a run that ends between two pages is not over before the next look', async () => {
  serve([{ next_page_token: '1' }, { ...runOf('TERMINATED', 'SUCCESS') }]);
  expect((await read()).raw).toMatchObject({ state: { life_cycle_state: 'RUNNING' } });
});

it('an endless paging ends after 200 pages', async () => {
  fake.on('/runs/get', ({ query }) => ({
    body: { ...runOf('RUNNING'), next_page_token: `${query.get('page_token') ?? ''}x` },
  }));
  expect(await read()).toMatchObject({ isPartial: true, requests: 200 });
});

describe('a workspace that knows only 2.1', () => {
  beforeEach(() => {
    fake.on('', apiError(404, 'ENDPOINT_NOT_FOUND', 'No API found'));
  });

  it('is read with 2.1, and the run says so', async () => {
    fake.on('/2.1/jobs/runs/get', { body: { ...runOf('RUNNING'), tasks: taskRuns(1) } });
    expect(await read()).toMatchObject({ apiVersion: '2.1', requests: 1 });
  });

  it('cannot read a run of more than 100 tasks: trouble in its own words, never an end', async () => {
    const words =
      'Resources with more than 100 tasks can only be handled by API 2.2 and above. Your resource has 101 tasks';
    fake.on('/2.1/jobs/runs/get', apiError(400, 'INVALID_PARAMETER_VALUE', words));
    const thrown = await rejection(read());
    expect(thrown).toMatchObject({ code: 'INTERNAL', message: expect.stringContaining(words) as string });
  });

  it('is asked with 2.2 again as soon as it says that 2.2 is needed', async () => {
    fake.on('/2.1/jobs/runs/get', { body: runOf('RUNNING') });
    await read();
    const words = 'Resources with more than 100 tasks can only be handled by API 2.2 and above.';
    fake.on('/2.1/jobs/runs/get', apiError(400, 'INVALID_PARAMETER_VALUE', words));
    fake.on('/2.2/jobs/runs/get', { body: { ...runOf('RUNNING'), tasks: taskRuns(1, 2) } });
    expect(await read()).toMatchObject({ apiVersion: '2.2', isPartial: false });
  });
});
