import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  FAILURE_TABLE,
  quotaPauseMs,
  type FailureRow,
} from '../../../src/connectors/databricks/databricks-failure-table';
import { explainName, explainTable } from '../../../src/connectors/databricks';

const MINUTE_MS = 60_000;

/** Every termination code that Databricks documents, with the fault and the action that docs/failures.md promises. */
const CODES: readonly (readonly [string, FailureRow['cause'], string])[] = [
  ['SUCCESS', 'unknown', 'fail'],
  ['SUCCESS_WITH_FAILURES', 'user', 'fail'],
  ['USER_CANCELED', 'user', 'fail'],
  ['CANCELED', 'unknown', 'fail'],
  ['SKIPPED', 'user', 'fail'],
  ['DISABLED', 'user', 'fail'],
  ['INTERNAL_ERROR', 'platform', 'retry'],
  ['DRIVER_ERROR', 'platform', 'retry'],
  ['CLUSTER_ERROR', 'platform', 'retry'],
  ['CLUSTER_TERMINATED_BY_USER', 'user', 'fail'],
  ['REPOSITORY_CHECKOUT_FAILED', 'platform', 'retry'],
  ['INVALID_CLUSTER_REQUEST', 'user', 'fail'],
  ['WORKSPACE_RUN_LIMIT_EXCEEDED', 'quota', 'retryAfter'],
  ['CLUSTER_REQUEST_LIMIT_EXCEEDED', 'quota', 'retryAfter'],
  ['MAX_CONCURRENT_RUNS_EXCEEDED', 'quota', 'retryAfter'],
  ['MAX_SPARK_CONTEXTS_EXCEEDED', 'quota', 'retryAfter'],
  ['MAX_JOB_QUEUE_SIZE_EXCEEDED', 'quota', 'retryAfter'],
  ['BUDGET_POLICY_LIMIT_EXCEEDED', 'user', 'fail'],
  ['FEATURE_DISABLED', 'user', 'fail'],
  ['STORAGE_ACCESS_ERROR', 'platform', 'retry'],
  ['RUN_EXECUTION_ERROR', 'user', 'fail'],
  ['UNAUTHORIZED_ERROR', 'user', 'fail'],
  ['LIBRARY_INSTALLATION_ERROR', 'platform', 'retry'],
  ['RESOURCE_NOT_FOUND', 'user', 'fail'],
  ['INVALID_RUN_CONFIGURATION', 'user', 'fail'],
  ['CLOUD_FAILURE', 'platform', 'retry'],
  ['BREAKING_CHANGE', 'platform', 'fail'],
];

test('the table knows the 27 documented termination codes and no other', () => {
  const names = FAILURE_TABLE.filter(({ kind }) => kind === 'code').map(({ name }) => name);
  expect(CODES).toHaveLength(27);
  expect(names).toEqual(CODES.map(([name]) => name));
});

test.each(CODES)('the code %s is the fault of: %s, and leads to: %s', (name, cause, action) => {
  const [usual] = explainName(name).filter(({ subject }) => subject === `code ${name}`);
  expect(usual).toMatchObject({ cause, action, decidedBy: 'table' });
});

test.each(CODES.filter(([, cause]) => cause === 'platform').map(([name]) => name))(
  'the code %s is repaired where some of several tasks went through, unless nothing repeats it',
  (name) => {
    const special = explainName(name).find(({ when }) => when === 'some of several tasks succeeded');
    expect(special?.action).toBe(name === 'BREAKING_CHANGE' ? undefined : 'repair');
  },
);

test.each([
  ['type CLIENT_ERROR', 'CLIENT_ERROR', 'user', 'fail'],
  ['type INTERNAL_ERROR', 'INTERNAL_ERROR', 'platform', 'retry'],
  ['type CLOUD_FAILURE', 'CLOUD_FAILURE', 'platform', 'retry'],
  ['result TIMEDOUT', 'TIMEDOUT', 'user', 'fail'],
  ['result MAXIMUM_CONCURRENT_RUNS_REACHED', 'MAXIMUM_CONCURRENT_RUNS_REACHED', 'quota', 'retryAfter'],
  ['result CANCELED', 'CANCELED', 'unknown', 'fail'],
  ['result SUCCESS_WITH_FAILURES', 'SUCCESS_WITH_FAILURES', 'user', 'fail'],
  ['result EXCLUDED', 'EXCLUDED', 'user', 'fail'],
  ['result DISABLED', 'DISABLED', 'user', 'fail'],
  ['result UPSTREAM_FAILED', 'UPSTREAM_FAILED', 'unknown', 'fail'],
  ['result UPSTREAM_CANCELED', 'UPSTREAM_CANCELED', 'unknown', 'fail'],
])('the %s leads to what is documented', (...[subject, name, cause, action]) => {
  const [usual] = explainName(name).filter((explained) => explained.subject === subject);
  expect(usual).toMatchObject({ cause, action });
});

test.each(['SPOT_INSTANCE_TERMINATION', 'CLOUD_PROVIDER_RESOURCE_STOCKOUT'])(
  'on spot instances %s leads to a run on demand',
  (name) => {
    const special = explainName(name).find(({ when }) => when === 'on spot instances');
    expect(special).toMatchObject({
      action: 'resubmit',
      next: expect.stringContaining('on demand instead of spot'),
    });
  },
);

test.each([
  [undefined, [1, 2, 5, 10, 10]],
  [5 * MINUTE_MS, [5, 5, 5, 10, 10]],
])('pauses for a quota that begin at %s grow to ten minutes', (pauseMs, minutes) => {
  const row = pauseMs === undefined ? {} : { pauseMs };
  expect(minutes.map((_, waited) => quotaPauseMs(row, waited) / MINUTE_MS)).toEqual(minutes);
});

/** The tables of docs/failures.md, row by row: `| kind | name | fault | action |`. */
function documentedRows(): string[] {
  const text = readFileSync(join(__dirname, '../../../docs/failures.md'), 'utf8');
  const pattern = /^\| (code|result|type|words) +\| `([A-Z_]+)` +\| (\w+) +\| ([a-zA-Z` ]+?) +\|/gm;
  return [...text.matchAll(pattern)].map((match) => match.slice(1, 5).join(' | '));
}

test('docs/failures.md shows the table as it is', () => {
  const words = {
    fail: 'fail',
    again: 'retry or repair',
    later: '`retryAfter`',
    'on demand': 'on demand',
  } as const;
  const rows = FAILURE_TABLE.map(({ kind, name, cause, action }) =>
    [kind, name, cause, words[action]].join(' | '),
  );
  expect(documentedRows()).toEqual(rows);
});

test('the whole table can be explained, each row in words', () => {
  for (const { reason, next } of explainTable()) {
    expect(reason).not.toBe('');
    expect(next).not.toBe('');
  }
});
