import type { JsonObject, LogsPage, LogsRequest } from '../../../src/connector';
import { callContext, rejection } from './support/calls';
import { connectorBench } from './support/connector-bench';
import { apiError, runOf, taskOf } from './support/fake-workspace';

const bench = connectorBench();
let outputs: Record<string, JsonObject>;

const RUNNING = { state: { life_cycle_state: 'RUNNING' }, end_time: 0 };
const BLOCKED = { state: { life_cycle_state: 'BLOCKED' }, start_time: 0, end_time: 0 };

beforeEach(() => {
  outputs = { '1': { logs: 'a1\na2\na3\n' }, '2': { logs: 'b1\nb2' } };
  bench.fake.on('/runs/get-output', ({ query }) => {
    const output = outputs[query.get('run_id') ?? ''];
    return output === undefined
      ? apiError(400, 'INVALID_PARAMETER_VALUE', 'Run output is not ready')
      : { body: output };
  });
  show([taskOf('b', 2), taskOf('a', 1), taskOf('c', 3, RUNNING), taskOf('d', 4, BLOCKED)]);
});

function show(tasks: readonly JsonObject[]): void {
  bench.fake.on('/runs/get', { body: runOf('RUNNING', undefined, { tasks }) });
}

function read(request: LogsRequest = {}): Promise<LogsPage> {
  return bench.connector.getLogs(bench.meta, request, callContext());
}

/** Follows pages until everything that is there was read. */
async function readOn(request: LogsRequest): Promise<{ lines: string[]; token: string; pages: number }> {
  const lines: string[] = [];
  let token = request.pageToken ?? 'start';
  for (let pages = 1; ; pages += 1) {
    const page = await read({ ...request, pageToken: token });
    lines.push(...page.lines);
    token = page.nextPageToken ?? '';
    if (page.atEnd === true || pages === 20) return { lines, token, pages };
  }
}

describe('a page of logs', () => {
  it('is the last lines over all tasks in the order they started, unless a token asks for others', async () => {
    expect(await read({ limit: 3 })).toMatchObject({ lines: ['[a] a3', '[b] b1', '[b] b2'], atEnd: true });
  });

  it('leads to the next one until all is read, without losing or repeating a line', async () => {
    const { lines, pages } = await readOn({ limit: 2 });
    expect(lines).toEqual(['[a] a1', '[a] a2', '[a] a3', '[b] b1', '[b] b2']);
    expect(pages).toBe(3);
  });

  it('has no prefix for a single task', async () => {
    show([taskOf('a', 1)]);
    expect((await read()).lines).toEqual(['a1', 'a2', 'a3']);
  });

  it('says when the workspace kept only a part', async () => {
    outputs['2'] = { logs: 'b2', logs_truncated: true };
    expect(await read()).toMatchObject({ truncated: true });
    expect(await read({ pageToken: 'start' })).toMatchObject({ truncated: true });
  });

  it('holds the lines of the task and the attempt that were asked for', async () => {
    show([taskOf('a', 1), taskOf('b', 2), taskOf('a', 3, { attempt_number: 1 })]);
    outputs['3'] = { logs: 'again' };
    expect((await read({ task: 'a' })).lines).toEqual(['a1', 'a2', 'a3', '[attempt 1] again']);
    expect((await read({ task: 'a', attempt: 1 })).lines).toEqual(['again']);
    const thrown = await rejection(read({ task: 'x' }));
    expect(thrown).toMatchObject({ code: 'INVALID_TASK', field: 'task' });
  });

  it.each(['../x', 'o1_!', 'c1_e30', 'e4'])(
    'refuses %s, which is no page token of ours',
    async (pageToken) => {
      expect(await rejection(read({ pageToken }))).toMatchObject({
        code: 'INVALID_TASK',
        field: 'pageToken',
      });
    },
  );
});

describe('a log that grows between pages', () => {
  beforeEach(() => {
    outputs = { '1': { logs: 'a1\n' }, '2': { logs: 'b1\n' } };
    show([taskOf('a', 1, RUNNING), taskOf('b', 2, RUNNING)]);
  });

  it('goes on behind the last line of each of the tasks that run side by side', async () => {
    const { lines, token } = await readOn({});
    expect(lines).toEqual(['[a] a1', '[b] b1']);
    outputs = { '1': { logs: 'a1\na2\n' }, '2': { logs: 'b1\nb2\n' } };
    const more = await readOn({ pageToken: token });
    expect([...more.lines].sort()).toEqual(['[a] a2', '[b] b2']);
  });

  it('goes on from the tail, with tasks and attempts that begin later', async () => {
    const { nextPageToken = '', lines } = await read({ limit: 1 });
    expect(lines).toEqual(['[b] b1']);
    outputs = { '1': { logs: 'a1\na2\n' }, '2': { logs: 'b1\n' }, '3': { logs: 'again\n' } };
    show([taskOf('a', 1), taskOf('b', 2, RUNNING), taskOf('a', 3, { ...RUNNING, attempt_number: 1 })]);
    const more = await readOn({ pageToken: nextPageToken });
    expect([...more.lines].sort()).toEqual(['[a attempt 1] again', '[a] a2']);
  });

  it('is not read again where it has ended', async () => {
    const { token } = await readOn({});
    show([taskOf('a', 1), taskOf('b', 2, RUNNING)]);
    const { token: later } = await readOn({ pageToken: token });
    const before = bench.fake.requestsTo('/runs/get-output').length;
    await readOn({ pageToken: later });
    const asked = bench.fake.requestsTo('/runs/get-output').slice(before);
    expect(asked.map(({ query }) => query.get('run_id'))).toEqual(['2']);
  });

  it('finds its place again when the workspace has dropped the first lines', async () => {
    outputs['1'] = { logs: 'x1\nx2\nx3\nx4\n' };
    const { token } = await readOn({ task: 'a' });
    outputs['1'] = { logs: 'x3\nx4\nx5\n', logs_truncated: true };
    // The mark of the last three lines is gone with them; all that is left is given rather than nothing.
    expect((await readOn({ task: 'a', pageToken: token })).lines).toEqual(['x3', 'x4', 'x5']);
    outputs['1'] = { logs: 'x2\nx3\nx4\nx5\n', logs_truncated: true };
    expect((await readOn({ task: 'a', pageToken: token })).lines).toEqual(['x5']);
  });
});

it('asks for at most 50 outputs in one page, and gets to all of them', async () => {
  const tasks = Array.from({ length: 120 }, (_, index) => taskOf(`t${index}`, index + 1));
  outputs = Object.fromEntries(tasks.map((_, index) => [String(index + 1), { logs: `line ${index}` }]));
  show(tasks);
  const first = await read({ pageToken: 'start' });
  expect(bench.fake.requestsTo('/runs/get-output')).toHaveLength(50);
  expect(first.atEnd).toBeUndefined();
  const { lines } = await readOn({});
  expect(lines).toEqual(tasks.map((_, index) => `[t${index}] line ${index}`));
});
