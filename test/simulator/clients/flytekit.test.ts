import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Simulator } from '../../../src/simulator';
import { createAuthority } from '../../service/support/certificates';
import { openPythonVenv } from '../../support/python-venv';
import { closeSimulators, get, getRun, simulate, TOKEN } from '../workspace-client';
import { runScenario } from './scenarios';
import { openTlsFront, type TlsFront } from './tls-front';

const SCRIPT = join(__dirname, 'flytekit_scenarios.py');
/** As Flyte's users install it; the benchmarks use the same. */
const REQUIREMENTS = join(__dirname, '../../../bench/service/requirements-flytekit.txt');
const OPEN_WITHIN_MS = 15 * 60_000;
const CLIENT = { id: 'client-1', secret: 's3cret/+' };
const CELL = 'dbutils.notebook.exit(2 * int(dbutils.widgets.get("p")))';
/** What their identity provider gave them. */
const SUBJECT = 'a.b.c';

interface Seen {
  readonly kinds: Readonly<Record<string, { readonly run_id: string }>>;
  readonly deleted: unknown;
  readonly oauth_m2m: unknown;
  readonly oidc_federation: unknown;
}

let folder: string;
let simulator: Simulator;
let front: TlsFront;
let seen: Seen;

/** One process for all: flytekit takes seconds to be loaded. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lh-flytekit-client-'));
  const authority = await createAuthority(folder, 'authority');
  const python = await openPythonVenv(REQUIREMENTS);
  // They are told that a token lives 180 seconds; the workspace refuses it after 2.
  simulator = await simulate({ clients: [CLIENT], speed: 20, tokenTrouble: { skewSeconds: 3560 } });
  simulator.allowSubject(SUBJECT);
  front = await openTlsFront(await authority.issue('workspace'), simulator.port);
  const env = {
    ...{ FLYTE_DATABRICKS_INSTANCE: front.address, SSL_CERT_FILE: authority.certFile },
    ...{ DATABRICKS_CLIENT_ID: CLIENT.id, DATABRICKS_CLIENT_SECRET: CLIENT.secret },
    _FSEC_FLYTE_DATABRICKS_ACCESS_TOKEN: TOKEN,
    FLYTE_DATABRICKS_OIDC_TOKEN_FILE: writeFile('subject', SUBJECT),
    NOTEBOOK: writeFile('nb.py', `# Databricks notebook source\n${CELL}\n`),
    PAUSE_SECONDS: '2.2',
  };
  seen = (await runScenario({ python, script: SCRIPT, scenario: 'everything', env })) as Seen; // asserted on
}, OPEN_WITHIN_MS);

afterAll(async () => {
  await front.close();
  await closeSimulators();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function writeFile(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe("flytekit's own Databricks connectors", () => {
  test('create and follow all their kinds of tasks to success', () => {
    const done = {
      phases: expect.arrayContaining(['SUCCEEDED']),
      message: '',
      link: expect.stringMatching(/^https:\/\/localhost:\d+\/#job\/\d+\/run\/\d+$/),
      auth: 'pat',
    };
    expect(seen.kinds).toMatchObject({ notebook: done, cluster: done, serverless: done, spark: done });
  });

  test('run a local notebook for real', async () => {
    const run = await getRun(simulator.url, seen.kinds['notebook']?.run_id ?? '');
    const output = await get(simulator.url, 'runs/get-output', { run_id: run.tasks[0]?.run_id });
    expect(output.body.notebook_output).toEqual({ result: '14', truncated: false });
  });

  test('delete by a cancel, which they call failed', () => {
    expect(seen.deleted).toMatchObject({
      phases: expect.arrayContaining(['FAILED']),
      message: 'Run cancelled by user',
    });
    expect(Object.keys(simulator.counters().cancels)).toHaveLength(1);
  });

  test.each([
    ['a client id and secret', 'oauth_m2m', 'client_credentials'],
    ['a token of an identity provider', 'oidc_federation', 'urn:ietf:params:oauth:grant-type:token-exchange'],
  ] as const)('by %s get a token, and another one when it is refused too early', (_, auth, grant) => {
    expect(seen[auth]).toMatchObject({ phases: expect.arrayContaining(['SUCCEEDED']), kept: null });
    const { tokenGrants, authRejections } = simulator.counters();
    expect(tokenGrants[grant]).toBeGreaterThanOrEqual(2);
    expect(authRejections).toBeGreaterThanOrEqual(2);
  });
});
