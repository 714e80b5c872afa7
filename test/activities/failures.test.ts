import {
  ApplicationFailureCategory,
  defaultFailureConverter,
  defaultPayloadConverter,
} from '@temporalio/common';

import { LonghaulError, type PollSnapshot } from '../../src/connector';
import { notChanged, stopping, toApplicationFailure } from '../../activities/failures';

/** The server keeps details of a waiting activity's last failure only below 4 KB. */
const KEPT_BYTES = 4_000;

function sizeOf(failure: Error): number {
  const proto = defaultFailureConverter.errorToFailure(failure, defaultPayloadConverter);
  const details = proto.applicationFailureInfo?.details?.payloads?.[0]?.data?.length ?? 0;
  return details + (proto.message?.length ?? 0) + (proto.stackTrace?.length ?? 0);
}

const SNAPSHOT: PollSnapshot = { phase: 'RUNNING', seenAt: 1, nextCheckAt: 2, meta: { jobId: '1' } };

test('"nothing changed" is benign, names the phase and the next look, and carries no stack', () => {
  const failure = notChanged(SNAPSHOT, 30_000);
  expect(failure).toMatchObject({
    message: 'RUNNING, next check in 30 s',
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: 30_000,
    nonRetryable: false,
    stack: '',
  });
});

test('trouble is said in the words of "nothing changed"', () => {
  const trouble = { code: 'UNAVAILABLE', message: 'refused', since: 1, failures: 2 } as const;
  expect(notChanged({ ...SNAPSHOT, trouble }, 2_000).message).toBe(
    'out of reach (refused), next check in 2 s',
  );
});

test.each([
  ['a long message', { message: 'x'.repeat(20_000) }],
  ['a middling message of three-byte letters', { message: '語'.repeat(2_500) }],
  ['a long message of three-byte letters', { message: '語'.repeat(20_000) }],
  ['long links', { links: [{ name: 'a', uri: `https://x/${'y'.repeat(9_000)}` }] }],
  ['a large meta', { meta: { jobId: '1', blob: 'z'.repeat(9_000) } }],
])('%s never costs the details of a waiting poll', (_what, part) => {
  expect(sizeOf(notChanged({ ...SNAPSHOT, ...part }, 2_000))).toBeLessThan(KEPT_BYTES);
});

test('an error keeps its code as type, with advice and field, and is final unless a pause is given', () => {
  const error = new LonghaulError('INVALID_TASK', 'spec.x: no', { field: 'spec.x', advice: 'Mend it.' });
  expect(toApplicationFailure(error)).toMatchObject({
    type: 'INVALID_TASK',
    nonRetryable: true,
    details: [{ code: 'INVALID_TASK', field: 'spec.x', advice: 'Mend it.' }],
  });
  expect(toApplicationFailure(error, { retryInMs: 3_000, posts: 2 })).toMatchObject({
    nonRetryable: false,
    nextRetryDelay: 3_000,
    details: [{ posts: 2 }],
  });
});

test('"not stopped yet" is benign too', () => {
  expect(stopping('asked to stop', 2_000)).toMatchObject({ type: 'Stopping', category: 'BENIGN' });
});
