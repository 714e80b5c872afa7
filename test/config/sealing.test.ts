import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createSealing, type SealingKey } from '../../src/config/sealing';

const key = (id: string): SealingKey => ({ id, key: randomBytes(32) });
const [K1, K2] = [key('k1'), key('k2')];
const sealing = createSealing([K1]);

function refused(words: RegExp): Error {
  const message: string = expect.stringMatching(words);
  const error: Error = expect.objectContaining({ code: 'SECRET_UNAVAILABLE', message });
  return error;
}

describe('sealing', () => {
  test('what is sealed opens again for the same task, whatever the value and the task are called', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, (value, task) => {
        const reference = sealing.seal(value, task);
        expect(reference).toMatch(/^sealed:k1:[\w-]+$/);
        expect(sealing.open(reference, task)).toBe(value);
      }),
    );
  });

  test('it opens for no other task', () => {
    const reference = sealing.seal('dapi-canary', 'task-1');
    expect(() => sealing.open(reference, 'task-2')).toThrow(
      refused(/sealed for another task, or is damaged/),
    );
  });

  test('a reference with any one byte changed, cut or added does not open, and is not quoted', () => {
    const reference = sealing.seal('dapi-canary', 'task-1');
    const bytes = Buffer.from(reference.slice('sealed:k1:'.length), 'base64url');
    const opened = (changed: Buffer): string =>
      sealing.open(`sealed:k1:${changed.toString('base64url')}`, 'task-1');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(() => opened(changed)).toThrow(refused(/damaged/));
        expect(() => opened(bytes.subarray(0, at))).toThrow(
          refused(/^A sealed secret does not open[^:]*: it was/),
        );
      }),
    );
    expect(() => opened(Buffer.concat([bytes, Buffer.from('x')]))).toThrow(refused(/damaged/));
  });

  test('a reference of an unknown key names the key', () => {
    const reference = createSealing([K2]).seal('v', 't');
    expect(() => sealing.open(reference, 't')).toThrow(refused(/key k2, which is not configured here/));
  });

  test('what is not sealed is refused without being shown', () => {
    expect(() => sealing.open('dapi-canary:dapi-canary', 't')).toThrow(refused(/^((?!canary).)*$/));
  });

  test('after a rotation the new key seals and the old one still opens', () => {
    const before = sealing.seal('v', 't');
    const rotated = createSealing([K2, K1]);
    expect(rotated.open(before, 't')).toBe('v');
    expect(rotated.seal('v', 't')).toMatch(/^sealed:k2:/);
    expect(createSealing([K1, K2]).open(rotated.seal('v', 't'), 't')).toBe('v');
  });

  test('the same value is another text each time', () => {
    const texts = Array.from({ length: 100 }, () => sealing.seal('v', 't'));
    expect(new Set(texts).size).toBe(100);
  });
});

describe('the digest', () => {
  test('is equal for equal values in any order, and another for others', () => {
    const digest = sealing.digest({ a: '1', b: '2' });
    expect(sealing.digest({ b: '2', a: '1' })).toBe(digest);
    const others = [{ a: '1' }, { a: '2', b: '1' }, { a: '1', b: '2 ' }, { 'a":"1","b': '2' }, {}];
    for (const other of others) expect(sealing.digest(other)).not.toBe(digest);
  });

  test('tells nothing without the key: another key gives another digest', () => {
    expect(createSealing([K2]).digest({ a: '1' })).not.toBe(sealing.digest({ a: '1' }));
  });
});
