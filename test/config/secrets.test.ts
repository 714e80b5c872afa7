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

  test.each(['profile:DEFAULT', 'vault:key', 'plain'])(
    '%s is of a kind that is not resolved here',
    async (reference) => {
      await expect(resolver(['*'])(reference)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    },
  );

  describe('with Databricks profiles and a cluster', () => {
    const profiles: Record<string, string> = { 'team/token': 'profile-token', 'team/client_secret': 's3' };
    const secrets: Record<string, Record<string, string>> = { 'etl/db': { password: VALUE } };
    const resolve = (allowed: readonly string[] | 'all') =>
      createSecretResolver({
        ...{ env: {}, readFile: (path) => readFile(path, 'utf8'), allowed },
        readProfile: (name, key) => profiles[`${name}/${key}`],
        kubernetes: {
          readSecret: async ({ namespace, name }) => secrets[`${namespace}/${name}`],
          listServiceAccounts: async () => [],
          requestToken: async () => '',
        },
      });

    test('profile:NAME is its token, profile:NAME/KEY any of its keys', async () => {
      await expect(resolve(['profile:*'])('profile:team')).resolves.toBe('profile-token');
      await expect(resolve(['profile:*'])('profile:team/client_secret')).resolves.toBe('s3');
      await expect(resolve(['profile:*'])('profile:gone')).rejects.toMatchObject({
        code: 'SECRET_UNAVAILABLE',
      });
      await expect(resolve(['env:*'])('profile:team')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    });

    test('a Secret of Kubernetes is for tasks of its own namespace, whatever the list allows', async () => {
      const reference = 'k8s:etl/db/password';
      await expect(resolve(['k8s:*'])(reference, { namespace: 'etl' })).resolves.toBe(VALUE);
      for (const asker of [{ namespace: 'etl-2' }, { namespace: 'et' }, {}, undefined]) {
        await expect(resolve(['k8s:*'])(reference, asker)).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
      }
      await expect(resolve([])(reference, { namespace: 'etl' })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      });
    });

    test('the operator’s own configuration may name every namespace', async () => {
      await expect(resolve('all')('k8s:etl/db/password')).resolves.toBe(VALUE);
    });

    test.each(['k8s:etl/db/user', 'k8s:etl/gone/password'])('%s has no value', async (reference) => {
      await expect(resolve('all')(reference)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    });

    test.each(['k8s:etl/db', 'k8s:etl/db/a/b', 'k8s:etl//password'])(
      '%s is not well-formed',
      async (reference) => {
        await expect(resolve('all')(reference)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      },
    );
  });
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
