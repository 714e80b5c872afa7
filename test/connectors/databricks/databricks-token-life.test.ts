import {
  createDatabricksClient,
  type DatabricksClient,
} from '../../../src/connectors/databricks/databricks-client';
import { callContext, NO_WAITING } from './support/calls';
import { runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

const HOUR_MS = 3_600_000;
const CALLERS = 500;
/** Between two looks at a run that has been running for long: the sixth comes two minutes before the token's end. */
const POLL_MS = 580_000;

interface Life {
  readonly client: DatabricksClient;
  /** Simulated milliseconds; both sides go by them, the workspace as far ahead as it is told. */
  pass(ms: number): void;
  readonly issuedAt: readonly number[];
  refusals(): number;
}

/** Some ten thousand requests: a busy machine takes its time. */
jest.setTimeout(180_000);

let fake: FakeWorkspace;

beforeEach(async () => {
  fake = await startFakeWorkspace();
});

afterEach(() => fake.close());

/** A workspace whose tokens hold for an hour, less `endsEarlyMs`, and that says so by 403, as some do. */
function live({ endsEarlyMs = 0, refusal = 403 }: { endsEarlyMs?: number; refusal?: number } = {}): Life {
  let now = 0;
  let refused = 0;
  const issuedAt: number[] = [];
  fake.on('/oidc/v1/token', () => {
    issuedAt.push(now);
    return { body: { access_token: `token-${issuedAt.length - 1}`, token_type: 'Bearer', expires_in: 3600 } };
  });
  fake.on('/runs/get', ({ headers }) => {
    const index = Number(headers.authorization?.split('-').at(-1));
    if (now < (issuedAt[index] ?? 0) + HOUR_MS - endsEarlyMs) return { body: runOf('RUNNING') };
    refused += 1;
    return { status: refusal, body: { error_code: 'PERMISSION_DENIED', message: 'Token is expired' } };
  });
  const auth = { kind: 'oauth-m2m', clientId: 'c', clientSecret: 's' } as const;
  const workspace = { name: 'w', host: fake.host, auth, limits: NO_WAITING };
  const client = createDatabricksClient(workspace, { version: '1.2.3', monotonicNow: () => now });
  return {
    client,
    pass: (ms) => {
      now += ms;
    },
    issuedAt,
    refusals: () => refused,
  };
}

/** Every caller looks once in each period; rejects when one look fails. */
async function pollFor({ client, pass }: Life, hours: number, callers = CALLERS): Promise<void> {
  const read = { operation: 'read', path: 'runs/get', query: { run_id: '1' } } as const;
  for (let at = 0; at <= hours * HOUR_MS; at += POLL_MS) {
    await Promise.all(Array.from({ length: callers }, () => client.send(read, callContext())));
    pass(POLL_MS);
  }
}

test('500 tasks over 5 hours with a token of one hour: one refresh per expiry, no failed poll', async () => {
  const life = live();
  await pollFor(life, 5);
  expect(life.issuedAt.map((at) => at / 60_000)).toEqual([0, 58, 116, 174, 232, 290]);
  expect(life.refusals()).toBe(0);
  await life.client.close();
});

test.each([401, 403])(
  'a server that ends tokens long before their time (%i): one refresh for all, no failed poll',
  async (refusal) => {
    const life = live({ endsEarlyMs: 20 * 60_000, refusal });
    await pollFor(life, 5, 100);
    expect(life.issuedAt.map((at) => at / POLL_MS)).toEqual([0, 5, 10, 15, 20, 25, 30]);
    expect(life.refusals()).toBe(6 * 100);
    await life.client.close();
  },
);

test('a server whose clock is 30 s ahead never sees a token that has ended for it', async () => {
  const life = live({ endsEarlyMs: 30_000 });
  await pollFor(life, 5, 50);
  expect(life.refusals()).toBe(0);
  await life.client.close();
});

test('the clock of this machine may be wrong and may jump: a token’s age does not go by it', async () => {
  const life = live();
  const wall = Date.now;
  try {
    Date.now = () => 0;
    await pollFor(life, 1, 5);
    Date.now = () => Date.UTC(2100, 0);
    await pollFor(life, 1, 5);
  } finally {
    Date.now = wall;
  }
  expect(life.issuedAt).toHaveLength(3);
  await life.client.close();
});

test('credentials that are refused for good cost two tokens, however many callers there are', async () => {
  const life = live({ endsEarlyMs: 2 * HOUR_MS, refusal: 401 });
  const read = { operation: 'read', path: 'runs/get', query: { run_id: '1' } } as const;
  for (let round = 0; round < 3; round += 1) {
    const looks = Array.from({ length: 50 }, () => life.client.send(read, callContext()));
    const outcomes = await Promise.allSettled(looks);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  }
  expect(life.issuedAt).toHaveLength(2);
  await life.client.close();
});
