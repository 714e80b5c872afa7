import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isJsonObject, parseTaskTemplate, type JsonObject, type TaskTemplate } from '../../../src/connector';
import type { DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import { callContext, connectorFor, IDEMPOTENCY_TOKEN } from './support/calls';
import { startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

/** What Flyte's own connectors sent, recorded by `make_sent.py` in the same folder. */
const SENT = join(__dirname, '../../fixtures/flyte/sent');

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly contentType: string;
  readonly body: JsonObject;
}

interface Variant {
  readonly base: string;
  readonly custom?: JsonObject;
  readonly databricksConf?: JsonObject;
}

const VARIANTS = readJson(join(SENT, 'variants.json')) as Readonly<Record<string, Variant>>;
const NAMES = readdirSync(SENT)
  .filter((file) => file.endsWith('.json') && file !== 'variants.json')
  .map((file) => file.replace(/\.json$/, ''));

/** What theirs sends and Databricks cannot take, so that ours says so at once. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'v1-both-clusters': /must name one kind of compute only/,
};

/** Where we mean to differ: what of theirs is missing in ours, and why. */
const MEANT: Readonly<
  Record<string, { readonly why: string; readonly change: Readonly<Record<string, undefined>> }>
> = {
  'v1-cluster-with-an-environment-key': {
    why: 'the key speaks to the connector; the Jobs API has no such field beside a cluster',
    change: { environment_key: undefined },
  },
  'v1-notebook-with-a-python-file': {
    why: 'the file speaks to the connector; the Jobs API has no such field at the top',
    change: { python_file: undefined },
  },
  'v2-user-file-and-source': {
    why: 'Flyte 2 ignores the file too, but leaves it where the Jobs API has no such field',
    change: { python_file: undefined },
  },
};

let workspace: FakeWorkspace;
let connector: DatabricksConnectorV2;

beforeAll(async () => {
  workspace = await startFakeWorkspace();
  workspace.on('/runs/submit', { body: { run_id: 123 } });
  connector = connectorFor({ host: workspace.host });
});

afterAll(async () => {
  await connector.close();
  await workspace.close();
});

describe('a Flyte task goes to the workspace as Flyte’s own connector sends it, with a token', () => {
  test.each(NAMES.filter((name) => !(name in REFUSED)))('%s', async (name) => {
    const theirs = readJson(join(SENT, `${name}.json`)) as Sent;
    const text = await send(readTemplate(name));
    const { run_name: runName, idempotency_token: token, ...ours } = JSON.parse(text) as JsonObject;
    const { run_name: theirName, ...body } = { ...theirs.body, ...MEANT[name]?.change };
    expect(ours).toEqual(withoutNulls(body));
    expect(token).toBe(IDEMPOTENCY_TOKEN);
    expect(runName).toBe(`${nameOf(theirName, name)} [lh:${IDEMPOTENCY_TOKEN.slice(-12)}]`);
    expect(text).not.toMatch(/:\s*\d+\.0\b/);
  });

  test.each(Object.entries(REFUSED))('%s is refused before it is sent', async (name, message) => {
    await expect(send(readTemplate(name))).rejects.toThrow(message);
  });

  test('at the same place and as JSON, only of a newer version of the API', async () => {
    const theirs = readJson(join(SENT, 'v1-request.json')) as Sent;
    await send(readTemplate('v1-request'));
    const seen = workspace.requestsTo('/runs/submit').at(-1);
    expect(seen?.method).toBe(theirs.method);
    expect(seen?.path).toBe(new URL(theirs.url).pathname.replace('2.1', '2.2'));
    expect(seen?.headers['content-type']).toContain(theirs.contentType);
  });
});

/** Sends it and gives the bytes that reached the workspace. */
async function send(template: TaskTemplate): Promise<string> {
  const custom = { ...template.custom, databricksInstance: new URL(workspace.host).host };
  const request = { template: { ...template, custom }, idempotencyToken: IDEMPOTENCY_TOKEN };
  await connector.create(request, callContext());
  return workspace.requestsTo('/runs/submit').at(-1)?.text ?? '';
}

function readTemplate(name: string): TaskTemplate {
  if (name === 'v1-request') {
    const { template } = readFixture('request-v1-create');
    return parseTaskTemplate(template);
  }
  const variant = VARIANTS[name];
  if (variant === undefined) return parseTaskTemplate(readFixture(`template-${name}`));
  const base = readFixture(`template-${variant.base}`);
  const baseCustom = objectOf(base['custom']);
  const databricksConf = { ...objectOf(baseCustom['databricksConf']), ...variant.databricksConf };
  return parseTaskTemplate({ ...base, custom: { ...baseCustom, ...variant.custom, databricksConf } });
}

function nameOf(theirs: unknown, name: string): string {
  return typeof theirs === 'string' ? theirs : (readTemplate(name).name ?? 'Untitled');
}

/** To Databricks a null is as good as absent. */
function withoutNulls(body: object): object {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function readFixture(name: string): JsonObject {
  return objectOf(readJson(join(SENT, '..', `${name}.json`)));
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
