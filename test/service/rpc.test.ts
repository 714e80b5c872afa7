import { once } from 'node:events';
import { status as grpcStatus } from '@grpc/grpc-js';

import { ERROR_TABLE, isErrorCode, LonghaulError, type ErrorCode } from '../../src/connector';
import { AsyncAgentService, SyncAgentService } from '../../src/service/generated/flyteidl/service/agent_pb';
import type { RpcCall } from '../../src/service/handlers';
import { waitUntil } from '../support/wait-until';
import { connect, errorInfoOf, failureOf, pathOf, readAll, type RpcClient } from './support/rpc-client';
import { startTestListener, type TestHandlers, type TestListener } from './support/test-listener';

const { createTask, getTask, getTaskLogs } = AsyncAgentService.method;
const { executeTaskSync } = SyncAgentService.method;

let listener: TestListener | undefined;
let client: RpcClient | undefined;

async function start(handlers: TestHandlers): Promise<{ listener: TestListener; client: RpcClient }> {
  listener = await startTestListener(handlers);
  client = connect(listener.port);
  return { listener, client };
}

afterEach(async () => {
  client?.close();
  await listener?.drain({ graceMs: 0 });
});

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

describe('replies', () => {
  test('a reply arrives as its handler made it', async () => {
    const { client } = await start({
      agent: {
        getTask: async ({ resourceMeta }) => ({ resource: { message: `got ${resourceMeta.length}` } }),
      },
    });
    const reply = await client.unary(getTask, { resourceMeta: Buffer.from('abc') });
    expect(reply.resource?.message).toBe('got 3');
  });

  test('a stream of replies arrives whole and in order, and its handler waits for a slow reader', async () => {
    const total = 2000;
    let made = 0;
    const { client } = await start({
      agent: {
        async *getTaskLogs() {
          const structuredLines = [{ message: 'x'.repeat(10_000) }];
          for (; made < total; made += 1) yield { part: { case: 'body', value: { structuredLines } } };
        },
      },
    });
    const replies = client.stream(getTaskLogs, [{}])[Symbol.asyncIterator]();
    await replies.next();
    const heldBackAt = await settled(() => made);
    expect(heldBackAt).toBeLessThan(total);
    const rest = await readAll({ [Symbol.asyncIterator]: () => replies });
    expect(rest).toHaveLength(total - 1);
  });

  test('a bidirectional handler sees requests as they come and may answer in between', async () => {
    const { client } = await start({
      sync: {
        async *executeTaskSync(requests) {
          for await (const { part } of requests) {
            yield { res: { case: 'header', value: { resource: { message: part.case ?? 'nothing' } } } };
          }
        },
      },
    });
    const call = client.open(pathOf(executeTaskSync));
    call.write(Buffer.from([0x12, 0x00])); // inputs, empty
    const [reply] = (await once(call, 'data')) as [Buffer];
    expect(reply.toString()).toContain('inputs');
    call.end();
    call.resume();
    const [status] = (await once(call, 'status')) as [{ code: number }];
    expect(status.code).toBe(grpcStatus.OK);
  });

  test('a bidirectional handler that stops reading can still answer', async () => {
    const { client } = await start({
      sync: {
        async *executeTaskSync(requests) {
          for await (const { part } of requests) if (part.case === 'header') break;
          yield { res: { case: 'header', value: { resource: { message: 'enough' } } } };
        },
      },
    });
    const requests = [
      { part: { case: 'header', value: {} } },
      { part: { case: 'inputs', value: {} } },
    ] as const;
    const replies = await readAll(client.stream(executeTaskSync, requests));
    expect(replies.map(({ res }) => res.case)).toEqual(['header']);
  });
});

/** The value once it has stayed the same over several looks. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  return waitUntil('a value that stays', () => {
    const value = read();
    same = value === last ? same + 1 : 0;
    last = value;
    return same >= 8 ? value : undefined;
  });
}

describe('errors', () => {
  test.each(Object.keys(ERROR_TABLE).filter(isErrorCode))(
    '%s arrives as the gRPC status of the error table, with its code as ErrorInfo reason',
    async (code: ErrorCode) => {
      const thrown = new LonghaulError(code, 'What happened.', { advice: 'What to do.', field: 'spec.a' });
      const { client } = await start({
        agent: {
          getTask: async () => {
            throw thrown;
          },
        },
      });
      const failure = await failureOf(client.unary(getTask, {}));
      expect(failure.code).toBe(grpcStatus[ERROR_TABLE[code].grpcStatus]);
      expect(failure.details).toBe('What happened. What to do.');
      expect(errorInfoOf(failure)).toMatchObject({
        reason: code,
        domain: 'longhaul',
        metadata: { field: 'spec.a' },
      });
    },
  );

  test('a stream that fails half way ends with the status of its error, after the replies made before', async () => {
    const { client } = await start({
      agent: {
        async *getTaskLogs() {
          yield { part: { case: 'header', value: { token: 'next' } } };
          throw new LonghaulError('RATE_LIMITED', 'Slow down.', { retryAfterMs: 1500 });
        },
      },
    });
    const replies = client.stream(getTaskLogs, [{}])[Symbol.asyncIterator]();
    expect(await replies.next()).toMatchObject({ value: { part: { case: 'header' } } });
    const failure = await failureOf(replies.next());
    expect(failure.code).toBe(grpcStatus.RESOURCE_EXHAUSTED);
    expect(errorInfoOf(failure)?.metadata).toEqual({ retryAfterMs: '1500' });
  });

  test('an unforeseen error is INTERNAL with the first line of its message; its stack is logged and never sent', async () => {
    const { client, listener } = await start({
      agent: {
        getTask: async ({ taskCategory }, call) => {
          call.noteTaskType(taskCategory?.name ?? '');
          throw new TypeError('x is not a function\n    at secret (/srv/inner.ts:1:1)');
        },
      },
    });
    const failure = await failureOf(client.unary(getTask, { taskCategory: { name: 'databricks' } }));
    expect(failure.code).toBe(grpcStatus.INTERNAL);
    expect(failure.details).toBe('x is not a function');
    expect(JSON.stringify(failure.metadata.toJSON())).not.toContain('inner');
    expect(errorInfoOf(failure)?.reason).toBe('INTERNAL');
    const message =
      'flyteidl.service.AsyncAgentService/GetTask of a databricks task failed with INTERNAL: x is not a function';
    expect(listener.log).toMatchObject([{ level: 'warn', message, fields: { taskType: 'databricks' } }]);
    expect(listener.log[0]?.fields?.['stack']).toContain('inner.ts');
  });

  test('an error of the table is logged once, without a stack', async () => {
    const { client, listener } = await start({});
    await failureOf(client.unary(getTask, {}));
    const method = 'flyteidl.service.AsyncAgentService/GetTask';
    expect(listener.log).toEqual([
      {
        level: 'warn',
        message: `${method} failed with UNSUPPORTED: This test serves nothing of the kind.`,
        fields: { method, code: 'UNSUPPORTED' },
      },
    ]);
  });

  test('a task type that a caller invents takes no more than a part of one line in the log', async () => {
    const { client, listener } = await start({
      agent: {
        getTask: async ({ taskCategory }, call) => {
          call.noteTaskType(taskCategory?.name ?? '');
          throw new LonghaulError('NOT_FOUND', 'Gone.');
        },
      },
    });
    await failureOf(client.unary(getTask, { taskCategory: { name: `a\nb${'c'.repeat(5000)}` } }));
    const shown = `a?b${'c'.repeat(97)}`;
    expect(listener.log[0]?.message).toBe(
      `flyteidl.service.AsyncAgentService/GetTask of a ${shown} task failed with NOT_FOUND: Gone.`,
    );
  });

  test.each([
    ['ASCII', 'a'.repeat(100_000)],
    ['many bytes a character', '\u{1F4A5}語'.repeat(20_000)],
    ['half a surrogate pair', `broken \ud83d ${'b'.repeat(5000)}`],
  ])('a text of any length and content fits a header: %s', async (_, text) => {
    const { client } = await start({
      agent: {
        getTask: async () => {
          throw new LonghaulError('JOB_FAILED', text, { field: text });
        },
      },
    });
    const failure = await failureOf(client.unary(getTask, {}));
    expect(failure.code).toBe(grpcStatus.ABORTED);
    expect(encodeURI(failure.details).length).toBeLessThanOrEqual(2048);
    expect(failure.details.endsWith('…')).toBe(true);
    expect(errorInfoOf(failure)?.reason).toBe('JOB_FAILED');
  });

  test('a request that does not decode is INVALID_ARGUMENT in words and reaches no handler', async () => {
    const { client, listener } = await start({ agent: { createTask: never } });
    const failure = await failureOf(client.raw(pathOf(createTask), Buffer.from([0x0a, 0xff, 0xff, 0xff])));
    expect(failure.code).toBe(grpcStatus.INVALID_ARGUMENT);
    expect(failure.details).toBe(
      'The request is no flyteidl.admin.CreateTaskRequest. Send a message of this type.',
    );
    expect(errorInfoOf(failure)?.reason).toBe('INVALID_TASK');
    expect(listener.log).toHaveLength(1);
  });

  test('a streamed request that does not decode is INVALID_ARGUMENT as well', async () => {
    const { client } = await start({
      sync: {
        async *executeTaskSync(requests) {
          for await (const _ of requests) yield {};
        },
      },
    });
    const call = client.open(pathOf(executeTaskSync));
    call.write(Buffer.from([0x0a, 0xff, 0xff, 0xff]));
    const failure = await failureOf(once(call.resume(), 'end'));
    expect(failure.code).toBe(grpcStatus.INVALID_ARGUMENT);
  });

  test('a reply that does not fit its type is INTERNAL', async () => {
    const { client } = await start({
      agent: { getTask: async () => ({ resource: { logLinks: [{ ttl: { seconds: 2n ** 70n } }] } }) },
    });
    const failure = await failureOf(client.unary(getTask, {}));
    expect(failure.code).toBe(grpcStatus.INTERNAL);
    expect(errorInfoOf(failure)?.reason).toBe('INTERNAL');
  });

  test('an unknown method is UNIMPLEMENTED', async () => {
    const { client } = await start({});
    const failure = await failureOf(client.raw('/flyteidl.service.AsyncAgentService/Nope', Buffer.alloc(0)));
    expect(failure.code).toBe(grpcStatus.UNIMPLEMENTED);
  });
});

describe('deadlines', () => {
  test('no call outlives its deadline: a hung handler is answered for before it, and told so', async () => {
    let seen: RpcCall | undefined;
    const { client, listener } = await start({
      agent: {
        getTask: (_, call) => {
          seen = call;
          return never();
        },
      },
    });
    const deadline = Date.now() + 1000;
    const failure = await failureOf(client.unary(getTask, {}, { timeoutMs: 1000 }));
    expect(Date.now()).toBeLessThan(deadline);
    expect(failure.code).toBe(grpcStatus.DEADLINE_EXCEEDED);
    expect(failure.details).toBe('There was no answer before the deadline of this call.');
    expect(Math.abs((seen?.deadline ?? 0) - deadline)).toBeLessThan(100);
    expect(seen?.signal.reason).toMatchObject({ name: 'TimeoutError' });
    expect(listener.log).toHaveLength(1);
  });

  test('a stream that hangs ends before its deadline, with the replies made before', async () => {
    const { client } = await start({
      agent: {
        async *getTaskLogs() {
          yield { part: { case: 'header', value: { token: 't' } } };
          await never();
        },
      },
    });
    const replies = client.stream(getTaskLogs, [{}], { timeoutMs: 600 })[Symbol.asyncIterator]();
    expect(await replies.next()).toMatchObject({ done: false });
    const failure = await failureOf(replies.next());
    expect(failure.details).toBe('There was no answer before the deadline of this call.');
  });

  test('a very short deadline leaves the handler most of its time', async () => {
    const { client } = await start({
      agent: {
        getTask: async (_, { deadline }) => ({ resource: { message: String(deadline - Date.now() > 25) } }),
      },
    });
    await client.unary(getTask, {}); // connects
    const reply = await client.unary(getTask, {}, { timeoutMs: 80 });
    expect(reply.resource?.message).toBe('true');
  });

  test('a caller without a deadline gets one of 30 s', async () => {
    const { client } = await start({
      agent: {
        getTask: async (_, { deadline }) => ({ resource: { message: String(deadline - Date.now()) } }),
      },
    });
    const leftMs = Number((await client.unary(getTask, {})).resource?.message);
    expect(leftMs).toBeGreaterThan(29_000);
    expect(leftMs).toBeLessThanOrEqual(30_000);
  });

  test('what a handler throws after the end of its call is heard by nobody', async () => {
    let late = false;
    const { client, listener } = await start({
      agent: {
        getTask: async (_, { signal }) => {
          await once(signal, 'abort');
          late = true;
          throw new TypeError('too late');
        },
      },
    });
    const failure = await failureOf(client.unary(getTask, {}, { timeoutMs: 300 }));
    expect(failure.code).toBe(grpcStatus.DEADLINE_EXCEEDED);
    await waitUntil('the late error', () => late || undefined);
    expect(listener.log).toHaveLength(1);
  });
});

describe('cancellation', () => {
  test('a caller that goes fires the signal, and that is no failure', async () => {
    let call: RpcCall | undefined;
    const { client, listener } = await start({
      agent: {
        getTask: (_, given) => {
          call = given;
          return never();
        },
      },
    });
    const controller = new AbortController();
    const pending = failureOf(client.unary(getTask, {}, { signal: controller.signal }));
    const seen = await waitUntil('the call', () => call);
    controller.abort();
    expect((await pending).code).toBe(grpcStatus.CANCELLED);
    await waitUntil('the signal', () => seen.signal.aborted || undefined);
    expect(seen.signal.reason).toMatchObject({ name: 'AbortError' });
    const requests = await waitUntil('the count', async () =>
      countIn(await listener.metrics.registry.metrics()),
    );
    expect(requests).toBe(1);
    expect(await listener.metrics.registry.metrics()).not.toContain('longhaul_rpc_errors_total{');
    expect(listener.log).toEqual([]);
  });

  test('a caller that leaves a stream ends its handler', async () => {
    let ended = false;
    const { client } = await start({
      agent: {
        async *getTaskLogs(_, { signal }) {
          try {
            for (;;) {
              yield { part: { case: 'header', value: { token: 't' } } };
              if (signal.aborted) return;
            }
          } finally {
            ended = true;
          }
        },
      },
    });
    const call = client.open(pathOf(getTaskLogs));
    call.on('error', () => undefined);
    call.write(Buffer.alloc(0));
    call.end();
    await once(call, 'data');
    call.cancel();
    await waitUntil('the end of the handler', () => ended || undefined);
    expect(ended).toBe(true);
  });

  test('the signal of an answered call does not fire', async () => {
    let signal: AbortSignal | undefined;
    const { client } = await start({
      agent: {
        getTask: async (_, call) => {
          signal = call.signal;
          return {};
        },
      },
    });
    await client.unary(getTask, {}, { timeoutMs: 200 });
    await failureOf(client.unary(createTask, {})); // grpc-js says `cancelled` of every call that has ended
    expect(signal?.aborted).toBe(false);
  });
});

function countIn(metrics: string): number | undefined {
  const line = /^longhaul_rpc_requests_total\{[^}]*\} (\d+)$/m.exec(metrics);
  return line === null ? undefined : Number(line[1]);
}

describe('sizes', () => {
  test('a request of 10 MB is taken', async () => {
    const { client } = await start({
      agent: {
        createTask: async ({ outputPrefix }) => ({ resourceMeta: Buffer.from(String(outputPrefix.length)) }),
      },
    });
    const reply = await client.unary(createTask, { outputPrefix: 'x'.repeat(10_000_000) });
    expect(Buffer.from(reply.resourceMeta).toString()).toBe('10000000');
  });

  test('a request of more than 64 MiB is refused with RESOURCE_EXHAUSTED', async () => {
    const { client } = await start({ agent: { createTask: async () => ({}) } });
    const failure = await failureOf(client.raw(pathOf(createTask), Buffer.alloc(65 * 1024 * 1024)));
    expect(failure.code).toBe(grpcStatus.RESOURCE_EXHAUSTED);
  });
});
