import { invalidTask, LonghaulError, type JsonObject } from '../../connector';
import { readPages } from './databricks-api';
import type { DatabricksClient, RequestContext } from './databricks-client';
import { objectAt, objectsAt, textAt } from './databricks-json';

const LARGEST_PAGE = '100';
const MOST_HINTS = 3;

interface NamedJob {
  readonly id: string;
  readonly name: string;
}

/**
 * The id of the one saved job of exactly this name: Databricks' own filter ignores case, ours does not.
 * @throws NOT_FOUND when there is none, with names that come near; INVALID_TASK when several have it.
 */
export async function findJobId(
  client: DatabricksClient,
  name: string,
  context: RequestContext,
): Promise<string> {
  const similar = await listJobs(client, name, context);
  const ids = [...new Set(similar.filter((job) => job.name === name).map(({ id }) => id))];
  const [id, second] = ids;
  if (second !== undefined) {
    const listed = ids.sort().join(', ');
    throw invalidTask('spec.job_name', `names ${ids.length} jobs (${listed}); say job_id instead`, name);
  }
  if (id !== undefined) return id;
  throw await notFound(client, { name, similar }, context);
}

async function listJobs(
  client: DatabricksClient,
  name: string,
  context: RequestContext,
): Promise<readonly NamedJob[]> {
  const request = { operation: 'list', path: 'list', query: { limit: LARGEST_PAGE, name } } as const;
  const { pages, isPartial } = await readPages(client, request, context);
  // A list that does not end may hide a second job of the name, and the wrong one must not run.
  if (isPartial) throw endless(name);
  return pages.flatMap(readJobs);
}

function readJobs(page: JsonObject): NamedJob[] {
  return objectsAt(page, 'jobs').flatMap((job) => {
    const id = textAt(job, 'job_id');
    const name = textAt(objectAt(job, 'settings'), 'name');
    return id === undefined || name === undefined ? [] : [{ id, name }];
  });
}

function endless(name: string): LonghaulError {
  return new LonghaulError(
    'UNAVAILABLE',
    `Databricks' list of jobs named ${JSON.stringify(name)} does not end.`,
  );
}

interface Missing {
  readonly name: string;
  readonly similar: readonly NamedJob[];
}

async function notFound(
  client: DatabricksClient,
  { name, similar }: Missing,
  context: RequestContext,
): Promise<LonghaulError> {
  const near = similar.length > 0 ? similar : nearest(name, await newestJobs(client, context));
  const names = near.slice(0, MOST_HINTS).map((job) => `${JSON.stringify(job.name)} (job_id ${job.id})`);
  const hint = names.length === 0 ? '' : ` Near: ${names.join(', ')}.`;
  return new LonghaulError(
    'NOT_FOUND',
    `No saved job that these credentials may see is named ${JSON.stringify(name)}.${hint}`,
    { field: 'spec.job_name', advice: 'Names are compared to the letter. Correct job_name, or say job_id.' },
  );
}

/** Only for the hint: whatever goes wrong here must not hide that there is no such job. */
async function newestJobs(client: DatabricksClient, context: RequestContext): Promise<readonly NamedJob[]> {
  try {
    return readJobs(
      await client.send({ operation: 'list', path: 'list', query: { limit: LARGEST_PAGE } }, context),
    );
  } catch {
    context.signal.throwIfAborted();
    return [];
  }
}

/** Bundles write `[dev ana] nightly`, people `Nightly ETL` and `nightly-etl`: letters and digits alone are compared. */
function nearest(name: string, jobs: readonly NamedJob[]): NamedJob[] {
  const wanted = lettersOf(name);
  return jobs.filter((job) => {
    const letters = lettersOf(job.name);
    return wanted !== '' && letters !== '' && (letters.includes(wanted) || wanted.includes(letters));
  });
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}
