import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { SimulatorOptions } from '../../src/simulator';
import { closeSimulators, ended, get, post, simulate, submit, type Json } from './workspace-client';

let folder: string;

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'simulator-notebooks-')));
});

afterEach(async () => {
  await closeSimulators();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Writes a notebook in Databricks' source format; a cell that begins with `%` is written as MAGIC. */
function write(name: string, ...cells: readonly string[]): string {
  const file = path.join(folder, name);
  const texts = cells.map((cell) => (cell.startsWith('%') ? cell.replaceAll(/^/gm, '# MAGIC ') : cell));
  fs.writeFileSync(file, `# Databricks notebook source\n${texts.join('\n\n# COMMAND ----------\n\n')}\n`);
  return file;
}

interface Ran {
  readonly run: Json;
  readonly output: Json;
  /** What `runs/export` shows of it. */
  readonly page: string;
}

async function runTasks(tasks: readonly unknown[], options?: SimulatorOptions): Promise<Ran> {
  const { url } = await simulate(options);
  return follow(url, await submit(url, { tasks }));
}

/** The output is the last task's. */
async function follow(url: string, runId: string): Promise<Ran> {
  const run = await ended(url, runId);
  const last = { run_id: run.tasks.at(-1)?.run_id };
  const [output, page] = [await get(url, 'runs/get-output', last), await get(url, 'runs/export', last)];
  return { run, output: output.body, page: page.body.views?.[0]?.content ?? '' };
}

function task(file: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { task_key: 'nb', notebook_task: { notebook_path: file, ...more } };
}

function runCells(...cells: readonly string[]): Promise<Ran> {
  return runTasks([task(write('nb.py', ...cells))]);
}

const RESULT = 'notebook_output.result';

describe('a local notebook', () => {
  test('runs cell by cell in one namespace and ends with its exit value', async () => {
    const { run, output } = await runCells(
      'x = 20',
      '%md\n# Words',
      'x += 1',
      'dbutils.notebook.exit(2 * x)',
      'x / 0',
    );
    expect(run.state.result_state).toBe('SUCCESS');
    expect(output.notebook_output).toEqual({ result: '42', truncated: false });
    expect(output).not.toHaveProperty('logs');
  });

  test('without an exit has no result, and what it printed is on its page', async () => {
    const { output, page } = await runCells('print("a < b")', 'display("shown")', '40 + 2');
    expect(output.notebook_output).toEqual({ truncated: false });
    expect(page).toContain('a &#60; b\nshown\n42\n');
  });

  test('may be a Jupyter document', async () => {
    const cells = [
      { cell_type: 'markdown', source: ['# Words\n', 'dbutils.notebook.exit("no code")'] },
      { cell_type: 'code', source: '%pip install something\nfrom helper import answer\n' },
      { cell_type: 'code', source: ['dbutils.notebook.', 'exit(answer)'] },
    ];
    fs.writeFileSync(path.join(folder, 'helper.py'), 'answer = "from beside it"\n');
    fs.writeFileSync(path.join(folder, 'nb.ipynb'), JSON.stringify({ cells }));
    const { output, page } = await runTasks([task(`file:${folder}/nb`)]);
    expect(output).toHaveProperty(RESULT, 'from beside it');
    expect(page).toContain('Ignored by the simulated workspace: %pip install something');
  });

  test('an exit value beyond 5 MB is cut and says so', async () => {
    const { output } = await runCells('dbutils.notebook.exit("x" * (5 * 1024 * 1024 + 1))');
    expect(output).toHaveProperty('notebook_output.truncated', true);
    expect((output.notebook_output as { result: string }).result).toHaveLength(5 * 1024 * 1024);
  });

  test('a notebook of the workspace or of git is played', async () => {
    for (const notebook of [{ notebook_path: '/Users/me/etl' }, { notebook_path: 'etl.py', source: 'GIT' }]) {
      const { run } = await runTasks([{ task_key: 'nb', notebook_task: notebook }]);
      expect(run.state.result_state).toBe('SUCCESS');
    }
  });
});

describe('a notebook that fails', () => {
  test('names the error and, in its trace, the cell', async () => {
    const { run, output } = await runCells(
      'def load():\n    raise ValueError("no such table")',
      '# DBTITLE 1,Load it\nload()',
    );
    expect(run.tasks[0]?.state).toMatchObject({
      result_state: 'FAILED',
      state_message: 'Workload failed, see run output for details',
    });
    expect(output.error).toBe('ValueError: no such table');
    expect(output.error_trace).toMatch(
      /^Traceback[^]*cell 2 \(Load it\) of nb\.py>", line 1[^]*no such table$/,
    );
    expect(output.error_trace).not.toContain('longhaul_notebook');
  });

  test.each([
    ['a syntax error', 'def', 'SyntaxError: invalid syntax'],
    [
      'Spark',
      'spark.table("x")',
      "NameError: name 'spark' is not defined. The simulated workspace runs plain Python",
    ],
    [
      'a cell of another language',
      '%sql\nSELECT 1',
      'This cell is %sql, and the simulated workspace runs Python cells',
    ],
    ['a shell command', '%sh\nexit 3', 'returned non-zero exit status 3'],
    ['an unknown part of dbutils', 'dbutils.fs.ls("/")', 'dbutils.fs is not part of the simulated workspace'],
    [
      'a widget nobody declared',
      'dbutils.widgets.get("x")',
      'InputWidgetNotDefined: No input widget named x',
    ],
    ['sys.exit', 'import sys\nsys.exit(3)', 'SystemExit: 3'],
  ])('for %s says what is wrong', async (_, cell, words) => {
    const { run, output } = await runCells(cell);
    expect(run.tasks[0]?.state.result_state).toBe('FAILED');
    expect(output.error).toContain(words);
  });

  test('whose process dies says at least how', async () => {
    const { output } = await runCells('import os\nos._exit(9)');
    expect(output.error).toBe('SystemExit: 9');
  });

  test('that is not there has no result state, nor has its run', async () => {
    const { run } = await runTasks([task(path.join(folder, 'absent.py'))]);
    for (const { state } of [run, ...run.tasks]) {
      expect(state).toMatchObject({ life_cycle_state: 'INTERNAL_ERROR' });
      expect(state).not.toHaveProperty('result_state');
      expect(state).toHaveProperty('state_message', `Notebook not found: ${folder}/absent.py`);
    }
  });

  test('is a plain program without the first line of a notebook', async () => {
    const file = path.join(folder, 'plain.py');
    fs.writeFileSync(file, 'print("no notebook")\n');
    const { output } = await runTasks([task(file)]);
    expect(output.error).toContain('plain.py is not a notebook');
  });
});

describe('widgets', () => {
  const declared = `
dbutils.widgets.text("name", "nobody", "Name")
dbutils.widgets.dropdown("size", "s", ["s", "m"])
dbutils.widgets.combobox("color", "red", ["red", "blue"])
dbutils.widgets.multiselect("days", "mon", ["mon", "tue"])
`;

  test('have their defaults, and the values that the run was given', async () => {
    const file = write(
      'nb.py',
      declared,
      'dbutils.widgets.remove("color")',
      'import json\ndbutils.notebook.exit(json.dumps([dbutils.widgets.getAll(), getArgument("none", "else")]))',
    );
    const { output } = await runTasks([
      task(file, { base_parameters: { name: 'du', days: 'mon,tue', n: 3 } }),
    ]);
    expect(JSON.parse((output.notebook_output as { result: string }).result)).toEqual([
      { name: 'du', size: 's', days: 'mon,tue', n: '3' },
      'else',
    ]);
  });

  test("a run's notebook_params win over base_parameters, the job's parameters over both", async () => {
    const { url } = await simulate();
    const names = ['base', 'params', 'job'];
    const cell = `dbutils.notebook.exit(",".join(dbutils.widgets.get(name) for name in ${JSON.stringify(names)}))`;
    const base = { base: 'base', params: 'base', job: 'base' };
    const settings = {
      tasks: [task(write('nb.py', cell), { base_parameters: base })],
      parameters: [{ name: 'job', default: 'usual' }],
    };
    const { body } = await post(url, 'create', settings);
    const given = { notebook_params: { params: 'params', job: 'params' }, job_parameters: { job: 'job' } };
    const started = await post(url, 'run-now', { job_id: body.job_id, ...given });
    expect((await follow(url, started.body.run_id)).output).toHaveProperty(RESULT, 'base,params,job');
  });
});

describe('other notebooks', () => {
  test('%run shares its namespace and its widgets', async () => {
    write('lib.py', 'def twice(x): return 2 * x', 'table = dbutils.widgets.get("table")');
    const { output } = await runCells('%run ./lib $table="sales"', 'dbutils.notebook.exit(twice(table))');
    expect(output).toHaveProperty(RESULT, 'salessales');
  });

  test('dbutils.notebook.run gives the exit value of a run with a namespace of its own', async () => {
    write('lib.py', 'dbutils.notebook.exit(dbutils.widgets.get("n") + str("x" in globals()))');
    const { output } = await runCells(
      'x = 1',
      'dbutils.notebook.exit(dbutils.notebook.run("lib", 60, {"n": 7}))',
    );
    expect(output).toHaveProperty(RESULT, '7False');
  });

  test.each([
    ['fails', 'raise KeyError("k")', "WorkflowException: FAILED: notebook lib: KeyError: 'k'"],
    ['takes too long', 'import time\ntime.sleep(60)', 'WorkflowTimeout: TIMEDOUT'],
  ])('one that %s fails its caller', async (_, cell, words) => {
    write('lib.py', cell);
    const { output } = await runCells('dbutils.notebook.run("lib", 1)');
    expect(output.error).toContain(words);
  });
});

describe('secrets', () => {
  test('can be read and are printed nowhere', async () => {
    const file = write(
      'nb.py',
      'token = dbutils.secrets.get("ops", "token")\nprint(token)',
      'dbutils.notebook.exit(f"{len(token)} {token}")',
    );
    const options = { secrets: [{ scope: 'ops', key: 'token', value: 's3cr3t-value' }] };
    const { output, page } = await runTasks([task(file)], options);
    expect(output).toHaveProperty(RESULT, '12 [REDACTED]');
    expect(page).toContain('[REDACTED]');
    expect(page).not.toContain('s3cr3t-value');
  });

  test('that are not there fail the notebook', async () => {
    const { output } = await runCells('dbutils.secrets.get("ops", "token")');
    expect(output.error).toContain('Secret does not exist with scope: ops and key: token');
  });

  test('may be set while the workspace runs', async () => {
    const simulator = await simulate();
    simulator.setSecret({ scope: 'a', key: 'b', value: 'later' });
    const file = write('nb.py', 'dbutils.notebook.exit(dbutils.secrets.get("a", "b").upper())');
    const { output } = await follow(simulator.url, await submit(simulator.url, { tasks: [task(file)] }));
    expect(output).toHaveProperty(RESULT, 'LATER');
  });
});

describe('task values', () => {
  const set = 'dbutils.jobs.taskValues.set("rows", 41)';

  test('go from task to task, by dbutils and by reference', async () => {
    const reading = write(
      'read.py',
      'rows = dbutils.jobs.taskValues.get("nb", "rows") + 1',
      'dbutils.notebook.exit(f"{rows} {dbutils.widgets.get(\'text\')}")',
    );
    const reader = {
      ...task(reading, { base_parameters: { text: 'had {{tasks.nb.values.rows}}' } }),
      task_key: 'read',
      depends_on: [{ task_key: 'nb' }],
    };
    const { output } = await runTasks([task(write('nb.py', set)), reader]);
    expect(output).toHaveProperty(RESULT, '42 had 41');
  });

  test('decide conditions', async () => {
    const condition = { op: 'GREATER_THAN', left: '{{tasks.nb.values.rows}}', right: '40' };
    const decision = { task_key: 'if', depends_on: [{ task_key: 'nb' }], condition_task: condition };
    const { run } = await runTasks([task(write('nb.py', set)), decision]);
    expect(run.tasks.find((one) => one.run_id === run.tasks[1]?.run_id)?.condition_task.outcome).toBe('true');
  });

  test('that nobody left are an error, unless there is a default', async () => {
    const { output } = await runCells(
      'print(dbutils.jobs.taskValues.get("other", "rows", default=0))',
      'dbutils.jobs.taskValues.get("other", "rows")',
    );
    expect(output.error).toBe('ValueError: No task value rows of task other');
    expect(output.error_trace).toContain('cell 2 of nb.py');
  });
});
