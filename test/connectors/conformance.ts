import { isDeepStrictEqual } from 'node:util';

import {
  isTerminalPhase,
  type AsyncConnector,
  type CallContext,
  type CreateRequest,
  type DeleteOutcome,
  type DeleteTarget,
  type Observation,
  type ResourceMeta,
} from '../../src/connector';
import { waitUntil } from '../support/wait-until';
import { callContext } from './databricks/support/calls';

/** One connector with the external system it talks to, made anew for each test. */
export interface ConnectorUnderTest {
  readonly connector: AsyncConnector;
  /** `long` runs until it is stopped, `short` succeeds by itself. The same key gives an equal request. */
  request(kind: 'long' | 'short', key: string): CreateRequest;
  /** Jobs that the external system was made to start, by its own count. */
  jobs(): number;
  /** Jobs that are not over yet, by its own count. */
  activeJobs(): number;
  /** Removes a job from the external system as if it had never been. */
  forget(meta: ResourceMeta): void;
  /** From now on the other side takes no credentials; absent where there are none. */
  expireCredentials?(): void;
  /** From now on the other side accepts requests and never answers. */
  fallSilent(): void;
  /** Takes the external system away altogether. */
  close(): Promise<void>;
}

export interface ConnectorSuite {
  readonly name: string;
  readonly setup: () => Promise<ConnectorUnderTest>;
  readonly teardown: (under: ConnectorUnderTest) => Promise<void>;
}

/** What every connector owes to the activities around it, whatever it connects to. */
export function describeConnector(suite: ConnectorSuite): void {
  describe(`${suite.name} keeps the contract`, () => {
    let under: ConnectorUnderTest;

    beforeEach(async () => {
      under = await suite.setup();
    });
    afterEach(() => suite.teardown(under));

    const create = async (kind: 'long' | 'short', key: string): Promise<Observation> =>
      consistent(await under.connector.create(under.request(kind, key), callContext()));
    const get = async (meta: ResourceMeta): Promise<Observation> =>
      consistent(await under.connector.get(meta, callContext()));
    const untilStopped = (target: DeleteTarget): Promise<DeleteOutcome> =>
      waitUntil('the job to stop', async () => {
        const outcome = await under.connector.delete(target, callContext());
        return outcome.kind === 'stopping' ? undefined : outcome;
      });

    test('a job is created, watched and seen to succeed, consistent at every look', async () => {
      const { meta } = await create('short', 'a');
      const end = await waitUntil('the end', async () => {
        const seen = await get(meta);
        return seen.next.kind === 'done' ? seen : undefined;
      });
      expect(end.next).toEqual({ kind: 'done', verdict: { kind: 'succeeded' } });
      expect(end.resource.phase).toBe('SUCCEEDED');
      expect(isDeepStrictEqual((await get(meta)).resource, end.resource)).toBe(true);
    });

    test('each request that may start something is announced before it is sent', async () => {
      const call = callContext({ announceSubmit: () => announced.push(under.jobs()) });
      const announced: number[] = [];
      await under.connector.create(under.request('short', 'a'), call);
      expect(announced).toEqual([0]);
    });

    test('the same token gives the same job, also after its end; another token another job', async () => {
      const first = await create('short', 'a');
      expect((await create('short', 'a')).meta).toEqual(first.meta);
      await waitUntil('the end', async () =>
        (await get(first.meta)).next.kind === 'done' ? true : undefined,
      );
      expect((await create('short', 'a')).meta).toEqual(first.meta);
      const other = await create('short', 'b');
      expect(externalId(other.meta)).not.toBe(externalId(first.meta));
      expect(under.jobs()).toBe(2);
    });

    test('the same token at the same time gives the same job', async () => {
      const seen = await Promise.all([1, 2, 3, 4].map(() => create('short', 'a')));
      expect(new Set(seen.map(({ meta }) => externalId(meta))).size).toBe(1);
      expect(under.jobs()).toBe(1);
    });

    test('delete stops a job, is idempotent, and says stopped only when it is', async () => {
      const { meta } = await create('long', 'a');
      const outcome = await untilStopped({ kind: 'meta', meta });
      expect(outcome.kind).toBe('stopped');
      expect(under.activeJobs()).toBe(0);
      expect((await untilStopped({ kind: 'meta', meta })).kind).toBe('stopped');
      const seen = await get(meta);
      expect(seen.next.kind).toBe('done');
      expect(seen.resource.phase).not.toBe('SUCCEEDED');
    });

    test('delete of a job that is over leaves its end as it was', async () => {
      const { meta } = await create('short', 'a');
      await waitUntil('the end', async () => ((await get(meta)).next.kind === 'done' ? true : undefined));
      expect(await untilStopped({ kind: 'meta', meta })).toMatchObject({
        kind: 'stopped',
        resource: { phase: 'SUCCEEDED' },
      });
    });

    test('delete by request fences: what it started, or may still start, does not run', async () => {
      const request = under.request('long', 'a');
      const { meta } = await under.connector.create(request, callContext());
      const outcome = await untilStopped({ kind: 'request', request });
      expect(outcome).toMatchObject({ kind: 'stopped', meta });
      await untilStopped({ kind: 'request', request: under.request('long', 'never sent') });
      expect(under.activeJobs()).toBe(0);
    });

    test('a job that the other side no longer knows is RUN_GONE, and stopped', async () => {
      const { meta } = await create('long', 'a');
      under.forget(meta);
      await expect(under.connector.get(meta, callContext())).rejects.toMatchObject({ code: 'RUN_GONE' });
      expect((await untilStopped({ kind: 'meta', meta })).kind).toBe('stopped');
    });

    test('credentials that are not accepted are UNAUTHENTICATED, in every call', async () => {
      const { meta } = await create('long', 'a');
      if (under.expireCredentials === undefined) return;
      under.expireCredentials();
      const refused = { code: 'UNAUTHENTICATED' };
      const { connector } = under;
      await expect(connector.get(meta, callContext())).rejects.toMatchObject(refused);
      await expect(connector.create(under.request('long', 'b'), callContext())).rejects.toMatchObject(
        refused,
      );
      await expect(connector.delete({ kind: 'meta', meta }, callContext())).rejects.toMatchObject(refused);
    });

    test('an aborted call rejects at once with the reason of the abort', async () => {
      const { meta } = await create('long', 'a');
      under.fallSilent();
      const { connector } = under;
      const calls: readonly ((call: CallContext) => Promise<unknown>)[] = [
        (call) => connector.create(under.request('long', 'b'), call),
        (call) => connector.get(meta, call),
        (call) => connector.delete({ kind: 'meta', meta }, call),
      ];
      for (const begin of calls) {
        const controller = new AbortController();
        const call = begin(callContext({ signal: controller.signal }));
        const reason = new Error('enough');
        setImmediate(() => controller.abort(reason));
        await expect(call).rejects.toBe(reason);
        await expect(begin(callContext({ signal: controller.signal }))).rejects.toBe(reason);
      }
    });

    test('a meta survives the wire and the history; one of another version is refused in words', async () => {
      const { meta } = await create('short', 'a');
      const { metadataType } = under.connector;
      expect(metadataType.decode(metadataType.encode(meta))).toEqual(meta);
      expect(metadataType.parse(JSON.parse(JSON.stringify(meta)))).toEqual(meta);
      expect(externalId(meta)).not.toBe('');
      const refused = { code: 'INVALID_TASK', message: expect.stringContaining('version') };
      expect(rejected(() => metadataType.parse({ ...meta, version: 999 }))).toMatchObject(refused);
      expect(rejected(() => metadataType.parse('nonsense'))).toMatchObject({ code: 'INVALID_TASK' });
      expect(rejected(() => metadataType.decode(new Uint8Array([1, 2])))).toMatchObject({
        code: 'INVALID_TASK',
      });
    });

    test('parseTask is pure: no network, and the template is left as it was', async () => {
      await under.close();
      const { template } = under.request('short', 'a');
      const before = structuredClone(template);
      under.connector.parseTask(deepFrozen(template));
      under.connector.parseTask(template);
      expect(template).toEqual(before);
      expect(under.jobs()).toBe(0);
    });

    function externalId(meta: ResourceMeta): string {
      return under.connector.metadataType.externalId(meta);
    }
  });
}

/** Terminal exactly when there is a verdict, green exactly when it says so, and plain JSON all through. */
function consistent(observation: Observation): Observation {
  const { next, resource } = observation;
  expect(isTerminalPhase(resource.phase)).toBe(next.kind === 'done');
  expect(resource.phase).not.toBe('UNDEFINED');
  if (next.kind === 'done') {
    expect(resource.phase === 'SUCCEEDED').toBe(next.verdict.kind === 'succeeded');
  }
  expect(JSON.parse(JSON.stringify(observation))).toEqual(observation);
  return observation;
}

function rejected(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('expected a refusal');
}

function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) deepFrozen(item);
  return Object.freeze(value);
}
