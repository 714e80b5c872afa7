import { listMarkedJobs } from '../../activities/marked-jobs';
import { examineForeign, examineTask, type Survey } from '../../activities/reconcile-examine';
import { newOwners } from '../../activities/reconcile-owners';
import type { LeftTask } from '../../activities/reconcile-ports';
import {
  ConnectorRegistry,
  LonghaulError,
  type CallContext,
  type FoundJob,
  type JobFinder,
  type MarkedJobsPage,
} from '../../src/connector';
import { ScriptedConnector } from '../support/scripted-connector';
import { callContext } from '../connectors/databricks/support/calls';

/** `north` is another name of `east`: what is there has the same ids. */
const SYSTEM_OF: Readonly<Record<string, string>> = { north: 'east' };

function jobAt(place: string, externalId: string, marker = 'mark-1'): FoundJob {
  return {
    meta: { version: 1, place, jobId: externalId },
    externalId,
    place,
    phase: 'RUNNING',
    isTerminal: false,
    marker,
  };
}

type List = (place: string, pageToken: string | undefined) => MarkedJobsPage;

/** A connector whose finder lists what a test says, at two places. */
function connectorOver(list: List): ScriptedConnector & { readonly finder: JobFinder } {
  const finder: JobFinder = {
    markerOf: (token) => token.slice(-6),
    checkReference: () => undefined,
    places: () => ['east', 'west'],
    placeOf: (about) =>
      'meta' in about && typeof about.meta['place'] === 'string' ? about.meta['place'] : undefined,
    jobKey: ({ place, jobId }) =>
      typeof place === 'string' && typeof jobId === 'string'
        ? `${SYSTEM_OF[place] ?? place}/${jobId}`
        : undefined,
    find: (reference) => Promise.resolve(jobAt(reference.place ?? '', reference.externalId)),
    listMarked: async ({ place, pageToken }) => list(place, pageToken),
  };
  return Object.assign(new ScriptedConnector('listed', 'listed'), { finder });
}

const call = (): CallContext => callContext();

test('all pages of all places are read; a job that comes on two pages counts once', async () => {
  const connector = connectorOver((place, pageToken) =>
    pageToken === undefined
      ? { jobs: [jobAt(place, '1'), jobAt(place, '2')], nextPageToken: 'more' }
      : { jobs: [jobAt(place, '2'), jobAt(place, '3')] },
  );
  const { jobs, read, unread } = await listMarkedJobs([connector], undefined, call());
  expect(jobs.map(({ place, externalId }) => `${place} ${externalId}`)).toEqual([
    ...['east 1', 'east 2', 'east 3', 'west 1', 'west 2', 'west 3'],
  ]);
  expect({ read: [...read], unread }).toEqual({ read: ['east', 'west'], unread: [] });
});

test('a list that names a page twice ends, and its place counts as not read', async () => {
  const connector = connectorOver((place) => ({ jobs: [jobAt(place, '1')], nextPageToken: 'again' }));
  const { jobs, unread } = await listMarkedJobs([connector], 'east', call());
  expect(jobs).toEqual([]);
  expect(unread).toEqual([{ place: 'east', reason: expect.stringContaining('does not end') }]);
});

test('a place that cannot be asked does not hide the others', async () => {
  const connector = connectorOver((place) => {
    if (place === 'east') throw new LonghaulError('UNAUTHENTICATED', 'no such token');
    return { jobs: [jobAt(place, '7')] };
  });
  const { jobs, read, unread } = await listMarkedJobs([connector], undefined, call());
  expect(jobs).toMatchObject([{ place: 'west', externalId: '7' }]);
  expect([...read]).toEqual(['west']);
  expect(unread).toEqual([{ place: 'east', reason: 'UNAUTHENTICATED: no such token' }]);
});

test('a reconciliation that was canceled asks for no further page', async () => {
  const controller = new AbortController();
  let pages = 0;
  const connector = connectorOver(() => {
    pages += 1;
    controller.abort(new LonghaulError('CANCELED', 'enough'));
    return { jobs: [], nextPageToken: String(pages) };
  });
  const context = { ...call(), signal: controller.signal };
  await expect(listMarkedJobs([connector], undefined, context)).rejects.toThrow('enough');
  expect(pages).toBe(1);
});

test('the same id at another place is another job', () => {
  const { finder } = connectorOver(() => ({ jobs: [] }));
  const owners = newOwners([finder]);
  owners.add({ id: 'a', runId: 'run-a', meta: jobAt('east', '4711').meta, tokens: ['lh-mark-2'] });
  expect(owners.follows('east/4711')).toBe(true);
  expect(owners.follows('west/4711')).toBe(false);
});

test('an execution does not follow its own leftovers, and a submit under way owns what carries its mark', () => {
  const { finder } = connectorOver(() => ({ jobs: [] }));
  const owners = newOwners([finder]);
  owners.add({ id: 'a', runId: 'run-a', meta: jobAt('east', '4711').meta, tokens: ['lh-mark-2'] });
  expect(owners.follows('east/4711', 'run-a')).toBe(false);
  expect(owners.mayBeStarting({ marker: 'mark-2' }, finder)).toBe(true);
  expect(owners.mayBeStarting({ marker: 'mark-3' }, finder)).toBe(false);
});

async function surveyOf(connector: ReturnType<typeof connectorOver>): Promise<Survey> {
  return {
    registry: new ConnectorRegistry().register(connector),
    marked: await listMarkedJobs([connector], undefined, call()),
    owners: newOwners([connector.finder]),
    request: { sinceMs: 3_600_000, action: 'report' },
    foreignAfterMs: 0,
    call: call(),
    claimed: new Set(),
  };
}

test('a job that two names of one place list belongs to its task by either, and is found once by itself', async () => {
  const connector = connectorOver(() => ({ jobs: [] }));
  const { finder } = connector;
  finder.places = () => ['east', 'north'];
  finder.listMarked = ({ place }) => Promise.resolve({ jobs: [jobAt(place, '1'), jobAt(place, '2')] });
  const survey = await surveyOf(connector);
  survey.owners.add({ id: 'a', runId: 'run-a', meta: jobAt('north', '1').meta, tokens: [] });
  const found = await examineForeign(survey);
  expect(found.map(({ finding }) => finding.externalId)).toEqual(['2']);
});

const LEFT: LeftTask = {
  ...{ id: 'a', runId: 'run-a', closed: 'TERMINATED', closedAt: 0, fence: 'token', phase: 'RUNNING' },
  template: { type: 'listed', version: 0, custom: {} },
  ...{ idempotencyToken: 'lh-mark-9', hasConnection: false, wasCanceled: false },
  ...{ externalId: '7', meta: jobAt('east', '7').meta },
};

test('a look that only our own request budget holds back is waited for, and does not count as in turn', async () => {
  const connector = connectorOver(() => ({ jobs: [] }));
  let refusals = 0;
  connector.finder.find = async ({ externalId, meta }) => {
    expect(meta).toEqual(LEFT.meta);
    if (refusals < 3) {
      refusals += 1;
      throw new LonghaulError('RATE_LIMITED', 'no room just now', { retryAfterMs: 1, isHeldBack: true });
    }
    return { ...jobAt('east', externalId), isTerminal: true };
  };
  connector.get = () => Promise.reject(new Error('a look in turn'));
  expect(await examineTask(await surveyOf(connector), LEFT)).toBeUndefined();
  expect(refusals).toBe(3);
});

test('a job that two closed tasks knew is left over once', async () => {
  const survey = await surveyOf(connectorOver(() => ({ jobs: [] })));
  const found = [await examineTask(survey, LEFT), await examineTask(survey, { ...LEFT, runId: 'run-b' })];
  expect(found.map((each) => each?.finding.externalId)).toEqual([LEFT.externalId, undefined]);
});
