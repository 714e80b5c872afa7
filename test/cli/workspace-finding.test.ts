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
  const path = join(folder, 'workspaces.yaml');
  writeFileSync(path, `workspaces: { prod: { host: '${fake.host}', auth: ${auth} } }`);
  const all = { HOME: folder, LONGHAUL_WORKSPACES: path, ...env };
  const [finding] = await checkWorkspaces(parseEnvironment(all), all);
  return finding;
}

const M2M = "{ kind: oauth-m2m, clientId: c, clientSecret: { $secret: 'env:CLIENT_SECRET' } }";

test('the doctor says who we are in a workspace, by which kind, and until when', async () => {
  fake.on('/oidc/v1/token', { body: { access_token: 'an-issued-token', expires_in: 3600 } });
  fake.on('/preview/scim/v2/Me', { body: { userName: 'etl@example.com', displayName: 'etl-principal' } });
  const finding = await check(M2M, { CLIENT_SECRET: 's' });
  expect(finding).toMatchObject({ check: 'workspace prod', ok: true });
  expect(finding?.says).toMatch(
    /^http:\/\/127.* accepts the credentials: oauth-m2m as etl-principal, this token until \d\d:\d\d:\d\dZ$/,
  );
});

test('a workspace that does not tell who we are is well all the same', async () => {
  const finding = await check("{ kind: pat, token: { $secret: 'env:PAT' } }", { PAT: 'p' });
  expect(finding).toMatchObject({ ok: true, says: `${fake.host} accepts the credentials: pat` });
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
