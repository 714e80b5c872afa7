import { existsSync } from 'node:fs';

import { isInRepairWindow, type TaskStatus } from '../../client';
import { ERROR_TABLE, LonghaulError } from '../../connector/errors';
import { isJsonObject, type JsonObject } from '../../connector/json';
import { isNearName } from '../../connector/near-name';
import type { TaskPolicy } from '../../connector/task-policy';
import {
  explainCustomInfo,
  explainName,
  explainRun,
  explainTable,
  FAILURE_NAMES,
  type FailureExplanation,
} from '../../connectors/databricks';
import { runCommand, type CommonOptions } from '../command';
import { adviceFor } from '../advice';
import { failureOrMessage, receiptLines } from '../describe-task';
import { explainCode, explainStatus } from '../explain-code';
import { firstLine, toTable } from '../format';
import type { Output } from '../output';
import { parseTaskDocument } from '../parse-document';
import { withSession, type Session } from '../session';
import { readTaskFile, readTextFile } from '../task-file';

export interface ExplainOptions extends CommonOptions {
  /** A task file whose policy decides. */
  readonly policy?: string;
}

/** What would become of a failure: of a name, of a recorded run, of a task; without a subject, the whole table. */
export function explain(subject: string | undefined, options: ExplainOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const policy = options.policy === undefined ? undefined : (await readTaskFile(options.policy)).policy;
    const known = await explainOffline(subject, policy);
    if (known === undefined) {
      output.note(lookingFor(subject ?? ''));
      return withSession(output, 'join', (session) =>
        explainTask(session, { id: subject ?? '', policy, output }),
      );
    }
    output.result(toText(known), known);
    return 0;
  });
}

/** Names and files need nobody's answer; anything else is the id of a task. */
async function explainOffline(
  subject: string | undefined,
  policy?: TaskPolicy,
): Promise<FailureExplanation[] | undefined> {
  if (subject === undefined) return explainTable(policy?.failure);
  const name = subject.toUpperCase();
  const named = [...explainName(name, policy?.failure), ...explainCode(name, policy)];
  if (named.length > 0) return named;
  if (existsSync(subject) || isMeantAsFile(subject)) {
    return [explainRun(parseTaskDocument(await readTextFile(subject), subject), policy?.failure)];
  }
  const near = nearNames(subject);
  if (near.length === 0 || subject !== name) return undefined;
  throw new LonghaulError('NOT_FOUND', `${subject} is no termination code, result or type.`, {
    advice: `Did you mean ${near.join(' or ')}?`,
  });
}

/** An id may hold a slash too, but hardly in front. */
function isMeantAsFile(subject: string): boolean {
  return /^(~|\.{0,2})\/|\.(json|ya?ml)$/i.test(subject);
}

const OWN_CODES = Object.keys(ERROR_TABLE);

function nearNames(subject: string): string[] {
  return [...new Set([...FAILURE_NAMES, ...OWN_CODES])].filter((name) => isNearName(subject, name));
}

function lookingFor(subject: string): string {
  const near = nearNames(subject);
  const hint = near.length === 0 ? '' : ` (Did you mean ${near.join(' or ')}?)`;
  return `${subject} is no termination code, result, type or file; looking for a task of this id.${hint}`;
}

interface Explaining {
  readonly id: string;
  readonly policy: TaskPolicy | undefined;
  readonly output: Output;
}

async function explainTask(session: Session, { id, policy, output }: Explaining): Promise<number> {
  const status = await session.tasks.get(id);
  if (status.state === 'COMPLETED') {
    output.result(`Task ${id} succeeded: there is nothing to explain.`, { explained: [], decided: [] });
    return 0;
  }
  const result = status.state === 'OPEN' ? undefined : await session.tasks.result(id);
  const decided = (result?.receipt ?? status.receipt)?.attempts ?? [];
  const own = policy ?? (await session.tasks.policyOf(id));
  const info = result?.resource.customInfo;
  const explained =
    isDecidedByJob(status) && isJsonObject(info) && isRecorded(info)
      ? explainCustomInfo(info, own.failure)
      : explainStatus(status, own);
  if (explained === undefined) {
    throw new LonghaulError('NOT_FOUND', `Task ${id} has no failure that could be explained.`, {
      advice: `longhaul get ${id} shows how it stands.`,
    });
  }
  const receipt = receiptLines({ attempts: decided });
  const { whatFailed, whatNow } = wordsOf(session, status);
  const lines = toLines(explained, whatFailed);
  output.result(
    [lines, ...receipt, ...(whatNow === undefined ? [] : ['', `What now: ${whatNow}`])].join('\n'),
    {
      ...{ explained: [explained], decided },
      ...(whatFailed === undefined ? {} : { failed: whatFailed }),
      ...(whatNow === undefined ? {} : { whatNow }),
    },
  );
  return 0;
}

interface FailureWords {
  /** The first cause. */
  readonly whatFailed?: string;
  readonly whatNow?: string;
}

/** Of a task whose job failed. */
function wordsOf(session: Session, status: TaskStatus): FailureWords {
  if (status.code !== 'JOB_FAILED') return {};
  const whatFailed = firstLine(failureOrMessage(status));
  const isWaiting = isInRepairWindow(status);
  const canRepair = isWaiting || session.tasks.canRepair(status);
  const whatNow = isWaiting ? `longhaul repair ${status.id}` : adviceFor(status, { canRepair });
  return { ...(whatFailed === '' ? {} : { whatFailed }), whatNow };
}

/** Where the task itself ended it, the last look at its job tells of a run that goes on. */
function isDecidedByJob({ code }: TaskStatus): boolean {
  return code === undefined || code === 'JOB_FAILED' || code === 'JOB_CANCELED_EXTERNALLY';
}

function isRecorded(info: JsonObject): boolean {
  return info['life_cycle_state'] !== undefined || info['code'] !== undefined;
}

function toText(explained: readonly FailureExplanation[]): string {
  const [only] = explained;
  if (only !== undefined && explained.length === 1) return toLines(only);
  const head = ['FAILURE', 'WHEN', 'FAULT', 'ACTION', 'DECIDED BY', 'NEXT ATTEMPT'];
  const rows = explained.map(({ subject, when = '', cause, action, decidedBy, next }) => [
    ...[subject, when, cause, action, decidedBy, next],
  ]);
  const [first] = explained;
  const reason = first !== undefined && explained.length < REASON_SHOWN_BELOW ? [`\n${first.reason}`] : [];
  return [toTable([head, ...rows]), ...reason].join('\n');
}

/** In a whole table the reasons would hide the actions. */
const REASON_SHOWN_BELOW = 10;

function toLines(
  { subject, cause, action, reason, decidedBy, next }: FailureExplanation,
  whatFailed?: string,
): string {
  return toTable([
    ['failure', subject],
    ...(whatFailed === undefined ? [] : [['what failed', whatFailed]]),
    ['fault', cause],
    ['action', action],
    ['reason', reason],
    ['decided by', decidedBy],
    ['next attempt', next],
  ]);
}
