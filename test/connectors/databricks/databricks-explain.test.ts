import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { explainCustomInfo, explainName, explainRun } from '../../../src/connectors/databricks';

const RUNS = join(__dirname, '../../fixtures/runs');

function recorded(name: string): unknown {
  return JSON.parse(readFileSync(join(RUNS, `${name}.json`), 'utf8'));
}

/** The dry run: what each recorded failure would lead to today. */
const EXPECTED: readonly (readonly [string, object])[] = [
  ['canceled', { cause: 'user', action: 'fail' }],
  ['cluster-failed-older-shape', { cause: 'platform', action: 'retry' }],
  ['code-failed', { cause: 'user', action: 'fail' }],
  ['code-failed-older-shape', { cause: 'user', action: 'fail', reason: "a task's own code failed" }],
  ['notebook-missing', { cause: 'user', action: 'fail' }],
  ['one-of-three', { cause: 'platform', action: 'repair' }],
  ['partly', { cause: 'user', action: 'fail' }],
  ['running', { cause: 'none', action: 'wait' }],
  [
    'skipped-for-limit',
    { cause: 'quota', action: 'retryAfter', next: expect.stringContaining('after 60 s') },
  ],
  ['spot-lost', { cause: 'platform', action: 'resubmit', next: expect.stringContaining('on demand') }],
  ['spot-lost-of-job', { cause: 'platform', action: 'retry' }],
];

test('each recorded run has an expectation', () => {
  const files = readdirSync(RUNS).filter((file) => file.endsWith('.json'));
  expect(files.map((file) => file.replace('.json', '')).sort()).toEqual(EXPECTED.map(([name]) => name));
});

test.each(EXPECTED)('the recorded run %s leads to what the table says', (name, expected) => {
  expect(explainRun(recorded(name))).toMatchObject({ decidedBy: 'table', ...expected });
});

test('a task’s policy decides a recorded run too, and says so', () => {
  const policy = { onFailure: { RUN_EXECUTION_ERROR: { retryAfter: '5m' } }, onSuccessWithFailures: 'warn' };
  expect(explainRun(recorded('code-failed'), policy)).toMatchObject({
    action: 'retryAfter',
    decidedBy: 'onFailure.RUN_EXECUTION_ERROR',
    next: 'a new run of the same body after 300 s',
  });
  expect(explainRun(recorded('partly'), policy)).toMatchObject({ action: 'succeed', cause: 'none' });
});

test.each([null, [], 'text', {}, { state: 'FAILED' }])(
  '%j is refused: it is no answer of runs/get',
  (value) => {
    expect(() => explainRun(value)).toThrow(expect.objectContaining({ code: 'INVALID_TASK' }) as Error);
  },
);

test('a name that is both a code and a type is explained as both; an unknown one as nothing', () => {
  const subjects = new Set(explainName('CLOUD_FAILURE').map(({ subject }) => subject));
  expect(subjects).toEqual(new Set(['code CLOUD_FAILURE', 'type CLOUD_FAILURE']));
  expect(explainName('nightly-42')).toEqual([]);
});

test('what a task has kept of its run is enough to explain it', () => {
  const info = {
    run_id: '7',
    life_cycle_state: 'INTERNAL_ERROR',
    result_state: 'FAILED',
    code: 'DRIVER_ERROR',
    type: 'INTERNAL_ERROR',
  };
  expect(explainCustomInfo(info)).toMatchObject({ subject: 'run 7', cause: 'platform', action: 'retry' });
  const byTask = {
    ...info,
    code: undefined,
    type: undefined,
    causes: [{ taskKey: 'a', code: 'RUN_EXECUTION_ERROR' }],
  };
  const { code: _code, type: _type, ...older } = byTask;
  expect(explainCustomInfo(older)).toMatchObject({ cause: 'user', action: 'fail' });
});
