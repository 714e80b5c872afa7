import { ERROR_TABLE, invalidTask, isErrorCode, LonghaulError, type ErrorCode } from '../../src/connector';

const CODES = Object.keys(ERROR_TABLE).filter(isErrorCode);

test('each code has an exit code of its own, none of them 0, 1 or a shell’s', () => {
  const exitCodes = CODES.map((code) => ERROR_TABLE[code].exitCode);
  expect(new Set(exitCodes).size).toBe(CODES.length);
  for (const exitCode of exitCodes) {
    expect(exitCode).toBeGreaterThan(1);
    expect(exitCode).toBeLessThan(126);
  }
});

test('each meaning is one sentence', () => {
  for (const code of CODES) expect(ERROR_TABLE[code].meaning).toMatch(/^[A-Z0-9][^.]*(\.[^ ][^.]*)*\.$/);
});

test('only what may pass by itself is retryable', () => {
  const retryable: ErrorCode[] = CODES.filter((code) => ERROR_TABLE[code].retryable);
  expect(retryable).toEqual(['RATE_LIMITED', 'UNAVAILABLE']);
});

test('whatever is thrown becomes one of ours, keeping its cause', () => {
  const ours = new LonghaulError('CONFIG', 'x');
  expect(LonghaulError.from(ours)).toBe(ours);
  const cause = new TypeError('boom');
  expect(LonghaulError.from(cause)).toMatchObject({ code: 'INTERNAL', message: 'boom', cause });
  expect(LonghaulError.from('text')).toMatchObject({ code: 'INTERNAL', message: 'text' });
});

test('bad input names the field, the reason and the value, shortened', () => {
  expect(invalidTask('spec.x', 'must be text', 7).message).toBe('spec.x: must be text (got 7)');
  expect(invalidTask('spec.x', 'must be text').message).toBe('spec.x: must be text');
  expect(invalidTask('spec.x', 'no', 'y'.repeat(500)).message.length).toBeLessThan(100);
});

test.each(['toString', '__proto__', '', 'NOPE', 4, null, undefined])('%p is no error code', (value) => {
  expect(isErrorCode(value)).toBe(false);
});
