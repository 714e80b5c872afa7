import { invalidTask } from '../../connector/errors';
import type { JsonObject } from '../../connector/json';
import { runCommand, type CommonOptions } from '../command';
import { withSession } from '../session';

export interface RepairCommandOptions extends CommonOptions {
  readonly task: readonly string[];
  readonly param: readonly string[];
  /** False with `--no-dependents`. */
  readonly dependents: boolean;
}

/** Runs the failed parts of a task's job again, in place. */
export function repair(id: string, options: RepairCommandOptions): Promise<void> {
  return runCommand(options, (output) => {
    const asked = toRepairOptions(options);
    return withSession(output, 'join', async (session) => {
      const repaired = await session.tasks.repair(id, asked);
      const { externalId, reopened } = repaired;
      const job = externalId === undefined ? 'its job' : `run ${externalId}`;
      const how = reopened ? `Task ${id} is open again to repair ${job}` : `Task ${id} has repaired ${job}`;
      output.result(`${how}; follow it with: longhaul wait ${id}`, repaired);
      return 0;
    });
  });
}

function toRepairOptions({ task, param, dependents }: RepairCommandOptions): JsonObject {
  return {
    ...(task.length === 0 ? {} : { tasks: task }),
    ...(param.length === 0 ? {} : { jobParameters: Object.fromEntries(param.map(toParameter)) }),
    ...(dependents ? {} : { dependents }),
  };
}

/** `name=value`; the value may hold further equal signs. */
function toParameter(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw invalidTask('--param', 'must be name=value', text);
  return [text.slice(0, at), text.slice(at + 1)];
}
