import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LogsPage } from '../../connector/connector';
import { toLogPortions, type LogEntry } from '../flyte/logs';
import {
  LogLineOriginator,
  type GetTaskLogsResponseSchema,
  type LogLineSchema,
} from '../generated/flyteidl/admin/agent_pb';

type Message = MessageInitShape<typeof GetTaskLogsResponseSchema>;

/** Half of what a message may hold: each line is in it twice. */
const PORTION_BYTES = 480 * 1024;

/**
 * The header with the next page's token, then at least one body, each message below 1 MiB. The lines are in the
 * structured list, which asks for line ends, and in the deprecated one too: older readers know no other.
 */
export function* toLogMessages(page: LogsPage): Generator<Message> {
  yield { part: { case: 'header', value: { token: page.nextPageToken ?? '' } } };
  for (const portion of toLogPortions(page, PORTION_BYTES)) yield toBody(portion);
}

function toBody(portion: readonly LogEntry[]): Message {
  const results = portion.map(({ message }) => message);
  const structuredLines = portion.map(toLine);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- older readers know no other list
  return { part: { case: 'body', value: { results, structuredLines } } };
}

function toLine({ message, originator }: LogEntry): MessageInitShape<typeof LogLineSchema> {
  return { message: `${message}\n`, originator: LogLineOriginator[originator] };
}
