import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';

import { ERROR_TABLE, LonghaulError } from '../connector/errors';
import { ErrorInfoSchema, type ErrorInfo } from './generated/google/rpc/error_details_pb';
import { StatusSchema } from './generated/google/rpc/status_pb';

/**
 * A status' text travels percent-encoded in a header and again, in base64, in the details. Clients take 8 KB of
 * headers at least: 2 KB of text leave room for both and for what proxies add.
 */
const MAX_TEXT_BYTES = 2048;
const MAX_FIELD_BYTES = 256;

/**
 * Our error on the wire: the status code of the error table; as text the message and the advice; in
 * `grpc-status-details-bin` a google.rpc.ErrorInfo with our code as its reason, the rejected `field` and
 * `retryAfterMs`. Never a stack, never a cause. Source: https://google.aip.dev/193.
 */
export function toStatus(error: LonghaulError): StatusObject {
  const code = grpcStatus[ERROR_TABLE[error.code].grpcStatus];
  const details = bound(toText(error), MAX_TEXT_BYTES);
  const info = anyPack(ErrorInfoSchema, toErrorInfo(error));
  const full = create(StatusSchema, { code, message: details, details: [info] });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, full)));
  return { code, details, metadata };
}

/** A handler's error that is not ours is a defect: its first line is all that leaves, what follows may be a stack. */
export function toLonghaulError(thrown: unknown): LonghaulError {
  if (thrown instanceof LonghaulError) return thrown;
  const { message, cause } = LonghaulError.from(thrown);
  return new LonghaulError('INTERNAL', message.split('\n', 1).join(), { cause });
}

export function deadlineStatus(): StatusObject {
  return {
    code: grpcStatus.DEADLINE_EXCEEDED,
    details: 'There was no answer before the deadline of this call.',
    metadata: new Metadata(),
  };
}

/** Nobody reads it: the caller has gone. */
export function canceledStatus(): StatusObject {
  return { code: grpcStatus.CANCELLED, details: 'The caller has canceled.', metadata: new Metadata() };
}

function toText({ message, advice }: LonghaulError): string {
  return advice === undefined ? message : `${message} ${advice}`;
}

function toErrorInfo({ code, field, retryAfterMs }: LonghaulError): ErrorInfo {
  return create(ErrorInfoSchema, {
    reason: code,
    domain: 'longhaul',
    metadata: {
      ...(field === undefined ? {} : { field: bound(field, MAX_FIELD_BYTES) }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs: String(Math.ceil(retryAfterMs)) }),
    },
  });
}

/** Cut between characters, measured percent-encoded. Lone surrogates go: no header can carry them. */
function bound(text: string, maxBytes: number): string {
  const wellFormed = Buffer.from(text, 'utf8').toString('utf8');
  if (encodeURI(wellFormed).length <= maxBytes) return wellFormed;
  const ellipsis = '…';
  let left = maxBytes - encodeURI(ellipsis).length;
  let kept = '';
  for (const character of wellFormed) {
    left -= encodeURI(character).length;
    if (left < 0) break;
    kept += character;
  }
  return kept + ellipsis;
}
