import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { parseFailure } from '../../src/simulator/python-trace';
import { runTypeScriptChild } from '../support/run-typescript-child';
import { waitUntil } from '../support/wait-until';
import {
  closeSimulators,
  ended,
  get,
  inLifeCycle,
  post,
  simulate,
  submit,
  type Json,
} from './workspace-client';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
});

afterEach(async () => {
  await closeSimulators();
  fs.rmSync(folder, { recursive: true, force: true });
});

function program(
  text: string,
  parameters: readonly string[] = [],
  more: Record<string, unknown> = {},
): object {
  const file = path.join(folder, 'main.py');
  fs.writeFileSync(file, text);
  return { tasks: [{ task_key: 'main', spark_python_task: { python_file: file, parameters }, ...more }] };
}

async function outputOf(url: string, run: Json): Promise<Json> {
  return (await get(url, 'runs/get-output', { run_id: run.tasks[0]?.run_id })).body;
}

/** Notes its process id, then works until it is told to stop. */
const WAITING = `
import os, sys, time
open('pid', 'w').write(str(os.getpid()))
while not os.path.exists('go'): time.sleep(0.02)
print('went')
`;

function waitingPid(): Promise<number> {
  return waitUntil('the program to run', () => {
    const file = path.join(folder, 'pid');
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
    return text === '' ? undefined : Number(text);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return (
      !fs.existsSync(`/proc/${pid}/stat`) || !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
    );
  } catch {
    return false;
  }
}

describe('a local Python file', () => {
  test('runs for real, with its parameters, in its folder; its output becomes logs', async () => {
    const { url } = await simulate();
    const text = 'import os, sys\nprint(sys.argv[1:], os.getcwd())\nprint("to stderr", file=sys.stderr)\n';
    const run = await ended(url, await submit(url, program(text, ['a b', '$HOME'])));
    expect(run.state.result_state).toBe('SUCCESS');
    const output = await outputOf(url, run);
    expect(output.logs).toBe(`['a b', '$HOME'] ${fs.realpathSync(folder)}\nto stderr\n`);
    expect(output.metadata.run_id).toBe(run.tasks[0]?.run_id);
  });

  test('sees its spark_env_vars and none of our environment', async () => {
    process.env['SIMULATOR_CANARY'] = 'secret';
    const { url } = await simulate();
    const cluster = { new_cluster: { spark_env_vars: { GREETING: 'hello' } } };
    const run = await ended(
      url,
      await submit(url, program('import os\nprint(dict(os.environ))\n', [], cluster)),
    );
    delete process.env['SIMULATOR_CANARY'];
    const { logs } = await outputOf(url, run);
    expect(logs).toContain("'GREETING': 'hello'");
    expect(logs).not.toContain('SIMULATOR_CANARY');
  });

  test('fails with its traceback', async () => {
    const { url } = await simulate();
    const run = await ended(
      url,
      await submit(url, program('print("before")\nraise ValueError("no such table")\n')),
    );
    expect(run.tasks[0]?.state).toMatchObject({
      result_state: 'FAILED',
      state_message: 'Workload failed, see run output for details',
    });
    const output = await outputOf(url, run);
    expect(output.error).toBe('ValueError: no such table');
    expect(output.error_trace).toMatch(
      /^Traceback \(most recent call last\):\n[^]*ValueError: no such table$/,
    );
    expect(output.logs).toMatch(/^before\nTraceback/);
  });

  test('that does not exist fails the run rather than pretending success', async () => {
    const { url } = await simulate();
    const task = { task_key: 'a', spark_python_task: { python_file: path.join(folder, 'absent.py') } };
    const run = await ended(url, await submit(url, { tasks: [task] }));
    expect(run.tasks[0]?.status.termination_details?.code).toBe('RESOURCE_NOT_FOUND');
  });

  test.each([
    ['on TERM', ''],
    ['by KILL if it ignores TERM', 'import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n'],
  ])('ends %s when its run is canceled', async (_, before) => {
    const { url } = await simulate();
    const runId = await submit(url, program(before + WAITING));
    const pid = await waitingPid();
    await post(url, 'runs/cancel', { run_id: runId });
    const run = await ended(url, runId);
    expect(run.state.result_state).toBe('CANCELED');
    expect(isAlive(pid)).toBe(false);
  });

  test('is killed when a simulator in memory closes', async () => {
    const simulator = await simulate();
    await submit(simulator.url, program(WAITING));
    const pid = await waitingPid();
    await simulator.close();
    await waitUntil('the program to die', () => !isAlive(pid) || undefined);
  });
});

describe('a simulator with a state file', () => {
  test('takes up its running program after a restart', async () => {
    const stateFile = path.join(folder, 'state.json');
    const first = await simulate({ stateFile });
    const body = { ...program(WAITING), idempotency_token: 't' };
    const runId = await submit(first.url, body);
    await waitingPid();
    await first.close();
    const second = await simulate({ stateFile });
    expect(await submit(second.url, body)).toBe(runId);
    await inLifeCycle(second.url, runId, 'RUNNING');
    fs.writeFileSync(path.join(folder, 'go'), '');
    const run = await ended(second.url, runId);
    expect(run.state.result_state).toBe('SUCCESS');
    expect((await outputOf(second.url, run)).logs).toBe('went\n');
    expect(second.counters().runsCreated).toBe(1);
  });

  test('killed with SIGKILL has lost neither run nor token nor program', async () => {
    const stateFile = path.join(folder, 'state.json');
    const child = runTypeScriptChild(path.join(__dirname, 'simulator-child.ts'), { args: [stateFile] });
    const url = await child.line((line) => line.startsWith('http'));
    const body = { ...program(WAITING), idempotency_token: 't' };
    const runId = await submit(url, body);
    await waitingPid();
    child.kill('SIGKILL');
    await child.ended;
    const { url: newUrl } = await simulate({ stateFile });
    expect(await submit(newUrl, body)).toBe(runId);
    fs.writeFileSync(path.join(folder, 'go'), '');
    expect((await ended(newUrl, runId)).state.result_state).toBe('SUCCESS');
  });

  test('fails the run whose program died without an exit code', async () => {
    const stateFile = path.join(folder, 'state.json');
    const first = await simulate({ stateFile });
    const runId = await submit(first.url, program(WAITING));
    const pid = await waitingPid();
    await first.close();
    const group = Number(
      fs.readFileSync(path.join(`${stateFile}.d`, fs.readdirSync(`${stateFile}.d`)[0] ?? '', 'pid'), 'utf8'),
    );
    process.kill(-group, 'SIGKILL');
    await waitUntil('the program to die', () => !isAlive(pid) || undefined);
    const { url } = await simulate({ stateFile });
    const run = await ended(url, runId);
    expect(run.tasks[0]?.state).toMatchObject({
      result_state: 'FAILED',
      state_message: 'The Python process died unexpectedly',
    });
  });

  test('refuses a file that is no state of its own', async () => {
    const stateFile = path.join(folder, 'notes.txt');
    fs.writeFileSync(stateFile, 'hello');
    await expect(simulate({ stateFile })).rejects.toMatchObject({ code: 'CONFIG' });
  });
});

describe('reading a failure out of a log', () => {
  test('chained exceptions are one trace', () => {
    const link = 'During handling of the above exception, another exception occurred:';
    const trace = (error: string) => `Traceback (most recent call last):\n  File "x.py", line 1\n${error}`;
    const log = `noise\n${trace('KeyError: 1')}\n\n${link}\n\n${trace('ValueError: 2')}\n`;
    const { error, errorTrace } = parseFailure(log, 1);
    expect(error).toBe('ValueError: 2');
    expect(errorTrace).toMatch(/^Traceback[^]*KeyError[^]*ValueError: 2$/);
  });

  test('without a traceback the exit code speaks', () => {
    expect(parseFailure('bye\n', 3)).toEqual({ error: 'SystemExit: 3', errorTrace: 'SystemExit: 3' });
  });

  test('a syntax error has no header', () => {
    const log = '  File "/x.py", line 1\n    def\n       ^\nSyntaxError: invalid syntax\n';
    expect(parseFailure(log, 1).error).toBe('SyntaxError: invalid syntax');
  });
});
