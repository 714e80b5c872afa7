import { listMarkedJobs } from '../../activities/marked-jobs';
import { jobKey, newOwners } from '../../activities/reconcile-owners';
import {
  LonghaulError,
  type CallContext,
  type FoundJob,
  type JobFinder,
  type MarkedJobsPage,
} from '../../src/connector';
import { ScriptedConnector } from '../support/scripted-connector';
import { callContext } from '../connectors/databricks/support/calls';

function jobAt(place: string, externalId: string, marker = 'mark-1'): FoundJob {
  return {
    meta: { place, jobId: externalId },
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
  owners.add({ id: 'a', runId: 'run-a', externalId: '4711', meta: { place: 'east' }, tokens: ['lh-mark-2'] });
  expect(owners.follows(jobKey('east', '4711'))).toBe(true);
  expect(owners.follows(jobKey('west', '4711'))).toBe(false);
});

test('an execution does not follow its own leftovers, and a submit under way owns what carries its mark', () => {
  const { finder } = connectorOver(() => ({ jobs: [] }));
  const owners = newOwners([finder]);
  owners.add({ id: 'a', runId: 'run-a', externalId: '4711', meta: { place: 'east' }, tokens: ['lh-mark-2'] });
  expect(owners.follows(jobKey('east', '4711'), 'run-a')).toBe(false);
  expect(owners.mayBeStarting({ marker: 'mark-2' }, finder)).toBe(true);
  expect(owners.mayBeStarting({ marker: 'mark-3' }, finder)).toBe(false);
});
