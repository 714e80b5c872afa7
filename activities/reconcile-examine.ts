import type { AsyncConnector, CallContext } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';
import type { FoundJob } from '../src/connector/job-finder';
import type { ConnectorRegistry } from '../src/connector/registry';
import type { ResourceMeta } from '../src/connector/resource-meta';
import { waitOutBudget } from './held-back';
import type { MarkedJob, MarkedJobs } from './marked-jobs';
import type { Found } from './reconcile-handle';
import type { Owners } from './reconcile-owners';
import type { LeftTask } from './reconcile-ports';
import type { Finding, ReconcileRequest } from './reconcile-report';

/** What one reconciliation knows before it looks at single tasks. */
export interface Survey {
  readonly registry: ConnectorRegistry;
  readonly marked: MarkedJobs;
  readonly owners: Owners;
  readonly request: ReconcileRequest;
  readonly foreignAfterMs: number;
  readonly call: CallContext;
  /** Keys of jobs that are accounted for: by a closed task, or as unknown already. */
  readonly claimed: Set<string>;
}

/** What is left over of a closed task; undefined when its job has ended or is followed by another task. */
export async function examineTask(survey: Survey, task: LeftTask): Promise<Found | undefined> {
  const connector = connectorOf(survey, task);
  const job = findMarked(survey, connector, task);
  const externalId = task.externalId ?? job?.externalId;
  const place = placeOf(connector, task) ?? job?.place;
  const meta = task.meta ?? job?.meta;
  const key = meta === undefined ? undefined : connector?.finder?.jobKey(meta);
  if (key !== undefined) {
    // A task that was opened again and then started anew has closed twice, with one job.
    if (survey.claimed.has(key)) return undefined;
    survey.claimed.add(key);
  }
  const { request } = survey;
  if (request.place !== undefined && place !== request.place) return undefined;
  const isOurs = task.takenUpAs !== undefined;
  if (!isOurs && key !== undefined && survey.owners.follows(key, task.runId)) return undefined;
  const known = isOurs || job !== undefined ? ACTIVE : await ask(survey, connector, task);
  if (known === 'ended') return undefined;
  const finding: Finding = {
    kind: 'task',
    taskType: task.template.type,
    taskId: task.id,
    since: task.closedAt,
    closed: task.closed,
    phase: job?.phase ?? task.phase,
    done: 'nothing',
    ...known,
    ...(externalId === undefined ? {} : { externalId }),
    ...(place === undefined ? {} : { place }),
  };
  return { finding, task, ...(job === undefined || task.meta !== undefined ? {} : { job }) };
}

type Known = Pick<Finding, 'state' | 'note' | 'phase'>;

const ACTIVE: Known = { state: 'ACTIVE', note: 'its job runs, and nobody follows it' };

/** How the job stands now; the task may have been told long ago. */
type Seen = Pick<FoundJob, 'phase' | 'isTerminal'>;

/** Where no list tells, the job itself is asked. */
async function ask(
  { call, marked }: Survey,
  connector: AsyncConnector | undefined,
  task: LeftTask,
): Promise<Known | 'ended'> {
  const { meta } = task;
  if (connector === undefined) return unknown('no connector serves its type here');
  if (meta === undefined) return unknown(whyUnseen(task, marked.read.has(placeOf(connector, task) ?? '')));
  if (task.hasConnection) return unknown('it came with credentials of its own, which open for it alone');
  if (connector.servedBy?.(connector.taskQueues.polls) !== undefined) {
    return unknown('only a worker of its own could look at its job');
  }
  try {
    const { phase, isTerminal } = await lookAtJob(connector, { ...task, meta }, call);
    return isTerminal ? 'ended' : { ...ACTIVE, phase };
  } catch (thrown) {
    call.signal.throwIfAborted();
    const { code, message } = LonghaulError.from(thrown);
    return code === 'RUN_GONE' ? 'ended' : unknown(`its job cannot be looked at: ${code}: ${message}`);
  }
}

/** A finder looks once and leaves it at that; `get` would be the first of many looks, which share a budget. */
function lookAtJob(
  connector: AsyncConnector,
  { meta, externalId }: Pick<LeftTask, 'externalId'> & { readonly meta: ResourceMeta },
  call: CallContext,
): Promise<Seen> {
  const { finder, metadataType } = connector;
  return waitOutBudget(call, async () => {
    if (finder !== undefined && externalId !== undefined) return finder.find({ externalId, meta }, call);
    const { resource, next } = await connector.get(metadataType.parse(meta), call);
    return { phase: resource.phase, isTerminal: next.kind === 'done' };
  });
}

function whyUnseen({ fence }: LeftTask, isListed: boolean): string {
  if (fence === 'none') return 'its submit was never answered, and nobody can ask whether it ran';
  if (!isListed) return 'its submit was never answered, and its workspace could not be asked';
  return 'its submit was never answered and no active job carries its mark; only --action cancel can tell';
}

function unknown(note: string): Known {
  return { state: 'UNKNOWN', note };
}

function connectorOf({ registry }: Survey, { template }: LeftTask): AsyncConnector | undefined {
  return registry
    .all()
    .find(
      ({ taskCategory }) => taskCategory.name === template.type && taskCategory.version === template.version,
    );
}

function placeOf(
  connector: AsyncConnector | undefined,
  { meta, template, taskExecution }: LeftTask,
): string | undefined {
  return connector?.finder?.placeOf(meta === undefined ? { template, taskExecution } : { meta });
}

function findMarked(
  { marked }: Survey,
  connector: AsyncConnector | undefined,
  task: LeftTask,
): MarkedJob | undefined {
  const finder = connector?.finder;
  if (finder === undefined) return undefined;
  const { meta, externalId } = task;
  if (meta !== undefined) {
    const key = finder.jobKey(meta);
    return marked.jobs.find((job) => finder.jobKey(job.meta) === key);
  }
  const place = placeOf(connector, task);
  const marker = finder.markerOf(task.idempotencyToken);
  return marked.jobs.find(
    (job) =>
      job.place === place &&
      (externalId === undefined ? job.marker === marker : job.externalId === externalId),
  );
}

/** Active jobs with our mark that no task of this namespace knows. */
export async function examineForeign(survey: Survey): Promise<Found[]> {
  const { marked, owners, claimed } = survey;
  const found: Found[] = [];
  for (const job of marked.jobs) {
    const key = job.finder.jobKey(job.meta);
    if (key === undefined || claimed.has(key)) continue;
    // One job may be listed by several places.
    claimed.add(key);
    if (owners.follows(key) || owners.mayBeStarting(job, job.finder)) continue;
    const finding = await examineJob(survey, job);
    if (finding !== undefined) found.push({ finding, job });
  }
  return found;
}

/** Its task may have closed in order since the list was made: then the job has ended. */
async function examineJob({ call, foreignAfterMs }: Survey, job: MarkedJob): Promise<Finding | undefined> {
  const { externalId, place, phase, startedAt, connector, finder } = job;
  if (startedAt !== undefined && call.now() - startedAt < foreignAfterMs) return undefined;
  if (await hasEnded(finder, job, call)) return undefined;
  return {
    kind: 'foreign',
    state: 'ACTIVE',
    taskType: connector.taskCategory.name,
    externalId,
    place,
    phase,
    done: 'nothing',
    note: 'unknown to this namespace: it may belong to another cluster or namespace',
    ...(startedAt === undefined ? {} : { since: startedAt }),
  };
}

async function hasEnded(finder: MarkedJob['finder'], job: MarkedJob, call: CallContext): Promise<boolean> {
  try {
    const reference = { externalId: job.externalId, place: job.place };
    return (await waitOutBudget(call, () => finder.find(reference, call))).isTerminal;
  } catch (thrown) {
    call.signal.throwIfAborted();
    return LonghaulError.from(thrown).code === 'RUN_GONE';
  }
}
