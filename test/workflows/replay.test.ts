import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DeterminismViolationError } from '@temporalio/workflow';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';

import { FAILURE_TABLE } from '../../src/connectors/databricks/databricks-failure-table';
import { HISTORIES, historyFile, PATH_NAMES, recordMissingHistories } from '../support/record-histories';
import { installQuietRuntime } from '../support/task-bench';

/**
 * A task that is open while Longhaul is upgraded is replayed by the new workflow: what it recorded must fit.
 * A new path is recorded, and no other touched, by: LONGHAUL_RECORD_HISTORIES=1 npx jest test/workflows/replay
 */
beforeAll(async () => {
  installQuietRuntime();
  if (process.env['LONGHAUL_RECORD_HISTORIES'] === '1') await recordMissingHistories();
}, 300_000);

afterAll(() => Runtime.instance().shutdown());

function replay(workflowBundle: WorkflowBundleOption, name: string): Promise<void> {
  const history: unknown = JSON.parse(readFileSync(historyFile(name), 'utf8'));
  return Worker.runReplayHistory({ workflowBundle }, history, name);
}

test('each path is recorded', () => {
  const recorded = readdirSync(HISTORIES).map((file) => file.replace('.json', ''));
  expect(recorded.sort()).toEqual([...PATH_NAMES].sort());
});

test.each(PATH_NAMES)('the recorded history of %s replays with the workflow of today', async (name) => {
  await replay({ codePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '' }, name);
});

/** Decisions are made in the activity and recorded: the workflow cannot decide otherwise, because it knows no code. */
test('an edited policy table replays old histories unchanged: the workflow holds none of it', async () => {
  const bundle = readFileSync(process.env['TEST_WORKFLOW_BUNDLE'] ?? '', 'utf8');
  const known = FAILURE_TABLE.filter(({ kind }) => kind !== 'type').map(({ name }) => name);
  const telling = known.filter((name) => /_(?:ERROR|FAILURE|EXCEEDED|STOCKOUT|CHANGE)$/.test(name));
  expect(telling.length).toBeGreaterThan(15);
  expect(telling.filter((name) => name !== 'INTERNAL_ERROR' && bundle.includes(name))).toEqual([]);
  const today = FAILURE_TABLE.find(({ name }) => name === 'RUN_EXECUTION_ERROR');
  expect(today?.action).toBe('fail');
  await replay({ codePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '' }, 'decided-otherwise');
  const history = readFileSync(historyFile('decided-otherwise'), 'utf8');
  expect(history.match(/EVENT_TYPE_ACTIVITY_TASK_SCHEDULED/g)).toHaveLength(2);
});

test('the gate fires: a workflow that schedules another activity first is refused', async () => {
  const workflowsPath = join(__dirname, 'children/changed-task.ts');
  const changed = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  await expect(replay(changed, 'success')).rejects.toThrow(DeterminismViolationError);
});
