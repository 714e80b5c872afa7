import { mkdtempSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedactor, REDACTED } from '../../src/config/redactor';
import { createSecretResolver } from '../../src/config/secret-resolver';

const VALUE = 'p@ss "word"/+ü?\n<end>';

describe('the secret resolver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lh-secrets-'));
  const file = join(folder, 'token');
  writeFileSync(file, `${VALUE}\n`);
  const resolver = (allowed: readonly string[]) =>
    createSecretResolver({
      env: { TOKEN: VALUE, EMPTY: '' },
      readFile: (path) => readFile(path, 'utf8'),
      allowed,
    });

  test('env and file references are resolved; one line break at the end of a file is no part of it', async () => {
    const resolve = resolver(['*']);
    await expect(resolve('env:TOKEN')).resolves.toBe(VALUE);
    await expect(resolve(`file:${file}`)).resolves.toBe(VALUE);
  });

  test.each(['env:MISSING', 'env:EMPTY', `file:${folder}/missing`, `file:${folder}`])(
    '%s has no value: the error names the reference',
    async (reference) => {
      await expect(resolver(['*'])(reference)).rejects.toMatchObject({
        code: 'SECRET_UNAVAILABLE',
        message: expect.stringContaining(reference),
      });
    },
  );

  test('what is not allowed is refused before it is read', async () => {
    await expect(resolver(['env:OTHER', 'env:TOK'])('env:TOKEN')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    await expect(resolver(['env:TOK*'])('env:TOKEN')).resolves.toBe(VALUE);
    await expect(resolver([])('env:TOKEN')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('an allowed folder cannot be left by ".."', async () => {
    const resolve = resolver([`file:${folder}/*`]);
    await expect(resolve(`file:${folder}/../../etc/passwd`)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  test.each(['profile:DEFAULT', 'k8s:ns/secret/key', 'plain'])(
    '%s is of a kind that others resolve',
    async (reference) => {
      await expect(resolver(['*'])(reference)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    },
  );
});

describe('the redactor', () => {
  const { redactText, redactJson } = createRedactor([VALUE, 'abc', '12345']);

  test.each([
    ['itself', VALUE],
    ['JSON', JSON.stringify({ token: VALUE })],
    ['a URL', `https://host/?q=${encodeURIComponent(VALUE)}&r=1`],
    ['a form', `q=${new URLSearchParams({ q: VALUE }).toString()}`],
    ['base64', Buffer.from(VALUE).toString('base64')],
    ['base64url', Buffer.from(VALUE).toString('base64url')],
    ['Basic credentials', Buffer.from(`user:${VALUE}`).toString('base64')],
    ['Basic credentials of another length', Buffer.from(`me:${VALUE}@`).toString('base64')],
  ])('a secret is found in %s', (_, text) => {
    expect(redactText(text)).toContain(REDACTED);
    expect(redactText(text)).not.toContain(text);
  });

  test('keys, nested texts and numbers of JSON are redacted, the rest is kept', () => {
    const value = { [VALUE]: [VALUE, { count: 12345, other: 7, none: null, yes: true }], text: 'plain' };
    expect(redactJson(value)).toEqual({
      [REDACTED]: [REDACTED, { count: REDACTED, other: 7, none: null, yes: true }],
      text: 'plain',
    });
  });

  test('values under four characters are left alone, and no values mean no change', () => {
    expect(redactText('abc and abcd')).toBe('abc and abcd');
    expect(createRedactor([]).redactText('')).toBe('');
  });

  test('the longer of two secrets wins where one begins with the other', () => {
    expect(createRedactor(['token', 'token-two']).redactText('token-two token')).toBe(
      `${REDACTED} ${REDACTED}`,
    );
  });
});
