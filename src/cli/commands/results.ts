import { writeFile } from 'node:fs/promises';

import type { TaskLogsRequest, TaskOutputs } from '../../client';
import { readPackageVersion } from '../../config/package-version';
import { LonghaulError } from '../../connector/errors';
import { runCommand, type CommonOptions } from '../command';
import { followLogs } from '../follow-logs';
import type { Output } from '../output';
import { describeWithout, toOutputsText } from '../outputs-text';
import { toReportHtml } from '../report-view/report-html';
import { toReportText } from '../report-view/report-text';
import { withSession, type Session } from '../session';

export interface LogsOptions extends CommonOptions {
  readonly source?: NonNullable<TaskLogsRequest['source']>;
  readonly task?: string;
  readonly attempt?: number;
  readonly page?: string;
  readonly limit?: number;
  readonly follow?: boolean;
}

export function logs(id: string, options: LogsOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const request = toRequest(options);
      if (options.follow === true) {
        return await followLogs(session.tasks, { id, request, output }).catch(namingPage);
      }
      const answer = await session.tasks.logs(id, request).catch(namingPage);
      if (answer.lines.length > 0 || output.format === 'json') output.result(answer.lines.join('\n'), answer);
      else {
        output.note(answer.nextPageToken === undefined ? 'There is no output.' : 'There is no output yet.');
      }
      if (answer.truncated) output.note('The workspace kept only a part of this output.');
      if (answer.nextPageToken !== undefined) output.note(whereMoreIs(id, options, answer));
      return 0;
    }),
  );
}

function toRequest({ source, task, attempt, page, limit }: LogsOptions): TaskLogsRequest {
  return {
    ...(source === undefined ? {} : { source }),
    ...(task === undefined ? {} : { task }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(page === undefined ? {} : { pageToken: page }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** A person gave the token as an option. */
function namingPage(error: unknown): never {
  const own = LonghaulError.from(error);
  const reason = own.code === 'INVALID_TASK' ? /^pageToken: (.*)$/s.exec(own.message)?.[1] : undefined;
  if (reason === undefined) throw error;
  throw new LonghaulError('INVALID_TASK', `--page: ${reason}`, { cause: error, field: '--page' });
}

/** A token is good for the same source, task and attempt only. */
function whereMoreIs(
  id: string,
  { source, task, attempt }: LogsOptions,
  { atEnd, nextPageToken = '' }: { readonly atEnd?: boolean; readonly nextPageToken?: string },
): string {
  const same = [
    ...(source === undefined ? [] : [`--source ${source}`]),
    ...(task === undefined ? [] : [`--task ${task}`]),
    ...(attempt === undefined ? [] : [`--attempt ${attempt}`]),
  ].join(' ');
  const command = `longhaul logs ${id}${same === '' ? '' : ` ${same}`}`;
  if (atEnd === true) return `The task goes on; follow it: ${command} --follow`;
  return `More: ${command} --page ${nextPageToken}`;
}

export interface OutputsOptions extends CommonOptions {
  readonly task?: string;
}

export function outputs(id: string, options: OutputsOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const { task } = options;
      const answer = await session.tasks.outputs(id, task === undefined ? {} : { task });
      output.result(toOutputsText(answer.outputs), answer.outputs);
      sayWhereTheRestIs(id, answer, output);
      if (answer.from === 'job' && task === undefined) await sayWhatFailed(session, { id, answer, output });
      return 0;
    }),
  );
}

function sayWhereTheRestIs(id: string, { from, outputs: given }: TaskOutputs, output: Output): void {
  const isCut = /"truncated":true|"kind":"dbt"/.test(JSON.stringify(given));
  if (from === 'record' && isCut) {
    output.note(`Whole, with links that open: longhaul outputs ${id} --task KEY`);
  }
}

interface Answered {
  readonly id: string;
  readonly answer: TaskOutputs;
  readonly output: Output;
}

/** A courtesy: without it the outputs are what they are. */
async function sayWhatFailed({ tasks }: Session, { id, answer, output }: Answered): Promise<void> {
  try {
    const words = describeWithout(answer.outputs, await tasks.metrics(id));
    if (words !== undefined) output.note(words);
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
  }
}

export interface ReportOptions extends CommonOptions {
  readonly html?: string;
}

const FALLBACK_COLUMNS = 100;

export function report(id: string, options: ReportOptions): Promise<void> {
  return runCommand(options, (output) =>
    withSession(output, 'join', async (session) => {
      const made = await session.tasks.report(id);
      if (options.html !== undefined) {
        const page = toReportHtml(made, { taskUrl: session.taskUrl(id), version: readPackageVersion() });
        await writePage(options.html, page);
        output.result(`The report of ${id} is in ${options.html}.`, { id, html: options.html });
        return 0;
      }
      const columns = process.stdout.columns || FALLBACK_COLUMNS;
      output.result(toReportText(made, { paint: output.paint, columns }), made);
      return 0;
    }),
  );
}

async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LonghaulError('CONFIG', `The report cannot be written to ${file}: ${reason}`, { cause });
  }
}
