import type { AsyncConnector, CallContext } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';
import type { FoundJob, JobFinder } from '../src/connector/job-finder';
import { readAllPages } from '../src/connector/pages';
import { waitOutBudget } from './held-back';

/** An active job with our mark, and the connector that found it. */
export interface MarkedJob extends FoundJob {
  readonly connector: AsyncConnector;
  readonly finder: JobFinder;
}

export interface MarkedJobs {
  readonly jobs: readonly MarkedJob[];
  /** Places whose list is whole: what is not in it does not run there. */
  readonly read: ReadonlySet<string>;
  readonly unread: readonly { readonly place: string; readonly reason: string }[];
}

/** Of active jobs in one place. */
const MOST_PAGES = 1_000;

/** Every active job that carries our mark, in every place; a place that cannot be asked is named, not waited for. */
export async function listMarkedJobs(
  connectors: readonly AsyncConnector[],
  only: string | undefined,
  call: CallContext,
): Promise<MarkedJobs> {
  const [jobs, unread]: [MarkedJob[], { place: string; reason: string }[]] = [[], []];
  const read = new Set<string>();
  for (const connector of connectors) {
    for (const place of placesOf(connector, only)) {
      try {
        jobs.push(...(await listPlace(connector, place, call)));
        read.add(place);
      } catch (thrown) {
        call.signal.throwIfAborted();
        const { code, message } = LonghaulError.from(thrown);
        unread.push({ place, reason: `${code}: ${message}` });
      }
    }
  }
  if (only !== undefined && read.size + unread.length === 0) throw unknownPlace(only, connectors);
  return { jobs, read, unread };
}

function placesOf({ finder }: AsyncConnector, only: string | undefined): readonly string[] {
  const places = finder?.places() ?? [];
  return only === undefined ? places : places.filter((place) => place === only);
}

function unknownPlace(place: string, connectors: readonly AsyncConnector[]): LonghaulError {
  const known = connectors.flatMap(({ finder }) => finder?.places() ?? []).join(', ') || 'none';
  return new LonghaulError(
    'CONFIG',
    `No workspace is named ${place} where the worker runs (known: ${known}).`,
  );
}

async function listPlace(connector: AsyncConnector, place: string, call: CallContext): Promise<MarkedJob[]> {
  const { finder } = connector;
  if (finder === undefined) return [];
  const { pages, isPartial } = await readAllPages({
    ask: (pageToken) => {
      call.signal.throwIfAborted();
      const request = { place, ...(pageToken === undefined ? {} : { pageToken }) };
      return waitOutBudget(call, () => finder.listMarked(request, call));
    },
    nextTokenOf: (page) => page.nextPageToken,
    mostPages: MOST_PAGES,
  });
  if (isPartial) throw new LonghaulError('UNAVAILABLE', `The list of jobs of ${place} does not end.`);
  const found = pages.flatMap(({ jobs }) => jobs).map((job) => ({ ...job, connector, finder }));
  return [...new Map(found.map((job) => [job.externalId, job])).values()];
}
