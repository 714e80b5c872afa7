import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkWorkspaces } from '../../src/cli/workspace-finding';
import { parseEnvironment } from '../../src/config/environment';
import { startFakeWorkspace, type FakeWorkspace } from '../connectors/databricks/support/fake-workspace';

const folder = mkdtempSync(join(tmpdir(), 'lh-doctor-'));
let fake: FakeWorkspace;

beforeEach(async () => {
  fake = await startFakeWorkspace();
  fake.on('/runs/list', { body: {} });
});

afterEach(() => fake.close());

async function check(auth: string, env: Record<string, string> = {}) {
  const [finding] = await checkFile(`prod: { host: '${fake.host}', auth: ${auth} }`, env);
  return finding;
}

function checkFile(workspaces: string, env: Record<string, string> = {}) {
  const path = join(folder, 'workspaces.yaml');
  writeFileSync(path, `workspaces: { ${workspaces} }`);
  const all = { HOME: folder, LONGHAUL_WORKSPACES: path, ...env };
  return checkWorkspaces(parseEnvironment(all), all);
}

const M2M = "{ kind: oauth-m2m, clientId: c, clientSecret: { $secret: 'env:CLIENT_SECRET' } }";

test('the doctor says who we are in a workspace, by which kind, and until when', async () => {
  fake.on('/oidc/v1/token', { body: { access_token: 'an-issued-token', expires_in: 3600 } });
  fake.on('/preview/scim/v2/Me', { body: { userName: 'etl@example.com', displayName: 'etl-principal' } });
  const finding = await check(M2M, { CLIENT_SECRET: 's' });
  expect(finding).toMatchObject({ check: 'workspace prod', ok: true });
  expect(finding?.says).toMatch(
    /^http:\/\/127.* accepts the credentials: oauth-m2m as etl-principal, this token until \d\d:\d\d:\d\dZ; at most 20 requests a second, 10 of them starts$/,
  );
});

const PACE = '; at most 20 requests a second, 10 of them starts';

test('a workspace that does not tell who we are is well all the same', async () => {
  const finding = await check("{ kind: pat, token: { $secret: 'env:PAT' } }", { PAT: 'p' });
  expect(finding).toMatchObject({ ok: true, says: `${fake.host} accepts the credentials: pat${PACE}` });
});

test.each([
  ['a secret that is not there', M2M, /env:CLIENT_SECRET has no value here/, /Set it where the worker runs/],
  ['a cluster that is not there', "{ kind: pat, token: { $secret: 'k8s:a/b/c' } }", /k8s:a\/b\/c/, /Set it/],
  [
    'an identity that nobody gives',
    '{ kind: oidc-federation, source: { kind: github } }',
    /ACTIONS_/,
    /workspaces/,
  ],
])('the doctor names the mend for %s', async (...[, auth, says, mend]) => {
  const finding = await check(auth);
  expect(finding).toMatchObject({ ok: false });
  expect(finding?.says).toMatch(says);
  expect(finding?.mend).toMatch(mend);
});

test('the doctor says how fast a workspace may be asked', async () => {
  const limits = 'limits: { requestsPerSecond: 5, submitsPerSecond: 2 }';
  const [finding] = await checkFile(`w: { host: '${fake.host}', auth: { kind: pat, token: t }, ${limits} }`);
  expect(finding?.says).toMatch(/; at most 5 requests a second, 2 of them starts$/);
});

test('a workspace whose profile does not exist fails by itself, and the others are checked all the same', async () => {
  const findings = await checkFile(
    `lab: { auth: { kind: profile, profile: nowhere } }, w: { host: '${fake.host}', auth: { kind: pat, token: t } }`,
  );
  expect(findings).toMatchObject([
    {
      check: 'workspace lab',
      ok: false,
      says: expect.stringContaining('workspaces.lab.auth: profile nowhere cannot be used') as string,
    },
    { check: 'workspace w', ok: true },
  ]);
});

test('a file that cannot be read is one finding, not the end of the doctor', async () => {
  expect(await checkFile('w: { host: h }')).toMatchObject([{ check: 'workspaces', ok: false }]);
});
