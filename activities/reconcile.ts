import { Context } from '@temporalio/activity';

import type { AsyncConnector, CallContext } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';
import { withActivityCall } from './activity-call';
import { toApplicationFailure } from './failures';
import type { ActivityDependencies } from './ports';
import { listMarkedJobs, type MarkedJobs } from './marked-jobs';
import { examineForeign, examineTask, type Survey } from './reconcile-examine';
import { handleFound, type Found } from './reconcile-handle';
import { newOwners, type Owners } from './reconcile-owners';
import type { ReconcileControl } from './reconcile-ports';
import { FINDINGS_KEPT, type Finding, type ReconcileReport, type ReconcileRequest } from './reconcile-report';

/** Served next to the workflow `reconcileTasks`, where all connectors are. */
export interface ReconcileActivities {
  /** Looks for what closed tasks left over, and does with it what was asked. Repeated after a crash, it does nothing twice. */
  reconcile(request: ReconcileRequest): Promise<ReconcileReport>;
}

export interface ReconcileDependencies extends ActivityDependencies {
  readonly control: ReconcileControl;
  /** Younger jobs are not called foreign: a list may not show their task yet. Default two minutes. */
  readonly foreignAfterMs?: number;
}

const FOREIGN_AFTER_MS = 2 * 60_000;

export function createReconcileActivities(dependencies: ReconcileDependencies): ReconcileActivities {
  const { secrets } = dependencies;
  return {
    reconcile: (request) =>
      withActivityCall({ secrets }, async ({ context }) => {
        try {
          return secrets.redact(await reconcile(dependencies, request, context));
        } catch (thrown) {
          context.signal.throwIfAborted();
          if (!(thrown instanceof LonghaulError)) throw thrown;
          throw toApplicationFailure(thrown, thrown.retryable ? { retryInMs: RETRY_MS } : {});
        }
      }),
  };
}

const RETRY_MS = 10_000;

/** Jobs are listed before tasks: whoever owned one then is open still, or has closed since and is seen closed. */
async function reconcile(
  dependencies: ReconcileDependencies,
  request: ReconcileRequest,
  call: CallContext,
): Promise<ReconcileReport> {
  const { control, registry, foreignAfterMs = FOREIGN_AFTER_MS } = dependencies;
  const checkedAt = call.now();
  const since = checkedAt - request.sinceMs;
  const finders = findersOf(registry.all());
  const marked = await listMarkedJobs(finders, request.place, call);
  const owners = await collectOwners(control, finders, call);
  const survey: Survey = { registry, marked, owners, call, request, foreignAfterMs, claimed: new Set() };
  const nonce = `reconcile-${Context.current().info.workflowExecution?.runId ?? ''}`;
  const tally = newTally();
  const note = async (all: readonly (Found | undefined)[]): Promise<void> => {
    for (const found of all) {
      call.signal.throwIfAborted();
      if (found !== undefined) tally.add(await handleFound({ control, request, nonce, call }, found));
    }
  };
  let closedTasks = 0;
  for await (const page of control.closedTasks({ since, nonce })) {
    call.signal.throwIfAborted();
    closedTasks += page.scanned;
    await note(await Promise.all(page.left.map((task) => examineTask(survey, task))));
  }
  await note(await examineForeign(survey));
  const { action } = request;
  const { jobs, unread } = marked;
  return { checkedAt, since, action, closedTasks, markedJobs: countJobs(jobs), unread, ...tally.sum() };
}

/** A job that two places list counts once. */
function countJobs(jobs: MarkedJobs['jobs']): number {
  return new Set(jobs.map(({ finder, meta }) => finder.jobKey(meta))).size;
}

/** One for each kind of external system, whatever task types share it. */
function findersOf(connectors: readonly AsyncConnector[]): AsyncConnector[] {
  const byName = new Map<string, AsyncConnector>();
  for (const connector of connectors) {
    if (connector.finder !== undefined && !byName.has(connector.name)) byName.set(connector.name, connector);
  }
  return [...byName.values()];
}

async function collectOwners(
  control: ReconcileControl,
  connectors: readonly AsyncConnector[],
  call: CallContext,
): Promise<Owners> {
  const finders = connectors.flatMap(({ finder }) => finder ?? []);
  const owners = newOwners(finders);
  for await (const task of control.openTasks()) {
    call.signal.throwIfAborted();
    owners.add(task);
  }
  return owners;
}

type Sum = Pick<ReconcileReport, 'found' | 'handled' | 'left' | 'findings'>;

function newTally(): { add(finding: Finding): void; sum(): Sum } {
  const findings: Finding[] = [];
  let [found, handled] = [0, 0];
  return {
    add: (finding) => {
      found += 1;
      if (finding.done !== 'nothing') handled += 1;
      if (findings.length < FINDINGS_KEPT) findings.push(finding);
    },
    sum: () => ({ found, handled, left: found - handled, findings }),
  };
}
