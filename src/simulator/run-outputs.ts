import { missingRun, viewContext, type ApiRequest, type Handler } from './api';
import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';
import { hasEnded, specOf, type Attempt, type Ending, type Run } from './model';
import { taskRunFields } from './views';
import { readId, readObject, readText, toWireId, type WireObject } from './wire-json';

const MAX_OUTPUT_BYTES = 5 * 1024 * 1024;
const NOT_SUPPORTED =
  'Retrieving the output of runs with multiple tasks is not supported. ' +
  'Please retrieve the output of each individual task run instead.';

/** GET runs/get-output, of a task run only; on 2.0 also of a job run with one task */
export const getRunOutput: Handler = (request, engine) => {
  const runId = readId(request.params, 'run_id');
  const found = engine.workspace.findAttempt(runId) ?? onlyAttempt(findOutputRun(runId, request, engine));
  const metadata = taskRunFields(found.run, found.attempt, viewContext(request, engine));
  return { metadata, ...outputFields({ ...found, engine, baseUrl: request.baseUrl }) };
};

function findOutputRun(runId: string, { version }: ApiRequest, { workspace }: EngineOptions): Run {
  const run = workspace.runs.get(runId);
  if (run === undefined) throw missingRun(runId);
  if (version !== '2.0' || run.tasks.length > 1) throw apiError('INVALID_PARAMETER_VALUE', NOT_SUPPORTED);
  return run;
}

function onlyAttempt(run: Run): { readonly run: Run; readonly attempt: Attempt } {
  const attempt = run.attempts.at(-1);
  if (attempt === undefined) throw apiError('INVALID_PARAMETER_VALUE', `Run ${run.runId} has no output`);
  return { run, attempt };
}

interface Asked {
  readonly run: Run;
  readonly attempt: Attempt;
  readonly engine: EngineOptions;
  readonly baseUrl: string;
}

/** A script's fields stand above those of the kind of task. */
function outputFields(asked: Asked): WireObject {
  const { run, attempt } = asked;
  const { error, errorTrace, fields } = attempt.output ?? {};
  const body = specOf(run, attempt)?.body ?? {};
  const ofKinds = Object.entries(OUTPUTS).map(([kind, toFields]) => {
    const definition = readObject(body, kind);
    return definition === undefined ? {} : toFields(definition, asked);
  });
  const told = { error: error ?? whyNoOutput(attempt.ending), error_trace: errorTrace };
  return [told, ...ofKinds, fields ?? {}].reduce((all, some) => ({ ...all, ...some }), {});
}

type ToFields = (definition: WireObject, asked: Asked) => WireObject;

const OUTPUTS: Readonly<Record<string, ToFields>> = {
  notebook_task: (_, { attempt }) => ({ notebook_output: notebookOutput(attempt) }),
  spark_python_task: (_, asked) => logFields(asked),
  spark_jar_task: (_, asked) => logFields(asked),
  python_wheel_task: (_, asked) => logFields(asked),
  sql_task: (definition, asked) => (succeeded(asked) ? { sql_output: sqlOutput(definition, asked) } : {}),
  dbt_task: (_, asked) => (hasEnded(asked.attempt) ? { dbt_output: dbtOutput(asked) } : {}),
  run_job_task: (_, { attempt }) =>
    attempt.childRunId === undefined ? {} : { run_job_output: { run_id: toWireId(attempt.childRunId) } },
};

/** The value is cut after its first 5 MB; without `dbutils.notebook.exit` there is none. */
function notebookOutput({ output }: Attempt): WireObject {
  const bytes = Buffer.from(output?.notebookResult ?? '', 'utf8');
  const tooLong = bytes.length > MAX_OUTPUT_BYTES;
  const truncated = output?.notebookTruncated ?? tooLong;
  const result = tooLong ? bytes.subarray(0, MAX_OUTPUT_BYTES).toString('utf8') : output?.notebookResult;
  return { result, truncated };
}

/** The last 5 MB. */
function logFields({ attempt, engine }: Asked): WireObject {
  if (attempt.process === true) {
    const { text, truncated } = engine.python.readLog(attempt.runId, MAX_OUTPUT_BYTES);
    return { logs: text, logs_truncated: truncated };
  }
  const { logs } = attempt.output ?? {};
  if (logs === undefined) return {};
  const bytes = Buffer.from(logs, 'utf8');
  const truncated = bytes.length > MAX_OUTPUT_BYTES;
  return {
    logs: truncated ? bytes.subarray(-MAX_OUTPUT_BYTES).toString('utf8') : logs,
    logs_truncated: truncated,
  };
}

function sqlOutput(definition: WireObject, { baseUrl, attempt }: Asked): WireObject {
  const warehouse_id = readText(definition, 'warehouse_id');
  if (definition['alert'] !== undefined) {
    return { alert_output: { warehouse_id, alert_state: 'OK', sql_statements: [] } };
  }
  if (definition['dashboard'] !== undefined) return { dashboard_output: { warehouse_id, widgets: [] } };
  const file = readText(readObject(definition, 'file') ?? {}, 'path');
  const query = readText(readObject(definition, 'query') ?? {}, 'query_id');
  return {
    query_output: {
      warehouse_id,
      query_text: file === undefined ? `-- query ${query ?? ''}` : `-- file ${file}`,
      output_link: `${baseUrl}/sql/runs/${attempt.runId}`,
      sql_statements: [{ lookup_key: attempt.runId }],
    },
  };
}

/** A link as Databricks signs it, good for half an hour; nothing is behind it unless a script names something. */
function dbtOutput({ baseUrl, attempt }: Asked): WireObject {
  return { artifacts_link: `${baseUrl}/dbt-artifacts/${attempt.runId}.tar.gz`, artifacts_headers: {} };
}

function succeeded({ attempt }: Asked): boolean {
  return attempt.ending?.result === 'SUCCESS';
}

/** `error` also says why there is no output: the task never got to it. */
function whyNoOutput(ending: Ending | undefined): string | undefined {
  if (ending === undefined) return undefined;
  const hasOutput =
    ending.result === 'SUCCESS' || (ending.result === 'FAILED' && ending.lifeCycle === 'TERMINATED');
  return hasOutput || ending.message === '' ? undefined : ending.message;
}
