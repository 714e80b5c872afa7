import { existsSync, readFileSync } from 'node:fs';

import { LonghaulError } from '../../connector/errors';
import { isJsonObject, type JsonObject } from '../../connector/json';
import {
  explainCustomInfo,
  explainName,
  explainRun,
  explainTable,
  type FailureExplanation,
} from '../../connectors/databricks';
import { runCommand, type CommonOptions } from '../command';
import { receiptLines } from '../describe-task';
import { toTable } from '../format';
import type { Output } from '../output';
import { parseTaskDocument } from '../parse-document';
import { withSession, type Session } from '../session';
import { readTaskFile } from '../task-file';

export interface ExplainOptions extends CommonOptions {
  /** A task file whose policy decides. */
  readonly policy?: string;
}

/** What would become of a failure: of a name, of a recorded run, of a task; without a subject, the whole table. */
export function explain(subject: string | undefined, options: ExplainOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const given = options.policy === undefined ? undefined : await readTaskFile(options.policy);
    const policy = given?.policy.failure;
    const known = explainOffline(subject, policy);
    if (known === undefined) {
      output.note(
        `${subject ?? ''} is no termination code, result, type or file; looking for a task of this id.`,
      );
      return withSession(output, 'join', (session) =>
        explainTask(session, { id: subject ?? '', policy, output }),
      );
    }
    output.result(toText(known), known);
    return 0;
  });
}

/** Names and files need nobody's answer; anything else is the id of a task. */
function explainOffline(subject: string | undefined, policy?: JsonObject): FailureExplanation[] | undefined {
  if (subject === undefined) return explainTable(policy);
  const named = explainName(subject.toUpperCase(), policy);
  if (named.length > 0) return named;
  if (!existsSync(subject)) return undefined;
  return [explainRun(parseTaskDocument(readFileSync(subject, 'utf8'), subject), policy)];
}

async function explainTask(
  session: Session,
  {
    id,
    policy,
    output,
  }: { readonly id: string; readonly policy: JsonObject | undefined; readonly output: Output },
): Promise<number> {
  const status = await session.tasks.get(id);
  const result = status.state === 'OPEN' ? undefined : await session.tasks.result(id);
  const info = result?.resource.customInfo;
  const decided = (result?.receipt ?? status.receipt)?.attempts ?? [];
  if (!isJsonObject(info) || !isRecorded(info)) {
    throw new LonghaulError(
      'NOT_FOUND',
      `Task ${id} has kept no failed Databricks run that could be explained.`,
      {
        advice: `longhaul get ${id} shows how it stands.`,
      },
    );
  }
  const own = policy ?? (await session.tasks.policyOf(id)).failure;
  const explained = [explainCustomInfo(info, own)];
  const receipt = receiptLines({ attempts: decided });
  output.result([toText(explained), ...receipt].join('\n'), { explained, decided });
  return 0;
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

function toLines({ subject, cause, action, reason, decidedBy, next }: FailureExplanation): string {
  return toTable([
    ['failure', subject],
    ['fault', cause],
    ['action', action],
    ['reason', reason],
    ['decided by', decidedBy],
    ['next attempt', next],
  ]);
}
