import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LogsPage } from '../../connector/connector';
import { toLogPortions, type LogEntry } from '../flyte/logs';
import type { GetTaskLogsResponseSchema } from '../generated/flyteidl2/connector/connector_pb';
import { LogLineOriginator, type LogLineSchema } from '../generated/flyteidl2/logs/dataplane/payload_pb';

type Message = MessageInitShape<typeof GetTaskLogsResponseSchema>;

const PORTION_BYTES = 960 * 1024;

/**
 * The header with the next page's token, then at least one body, each message below 1 MiB. The deprecated `results`
 * stay empty: every reader of this version knows `lines`.
 */
export function* toLogMessages(page: LogsPage): Generator<Message> {
  yield { part: { case: 'header', value: { token: page.nextPageToken ?? '' } } };
  for (const portion of toLogPortions(page, PORTION_BYTES)) yield toBody(portion);
}

function toBody(portion: readonly LogEntry[]): Message {
  return { part: { case: 'body', value: { lines: portion.map(toLine) } } };
}

function toLine({ message, originator }: LogEntry): MessageInitShape<typeof LogLineSchema> {
  return { message: `${message}\n`, originator: LogLineOriginator[originator] };
}
