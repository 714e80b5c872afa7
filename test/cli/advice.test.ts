import { adviceFor } from '../../src/cli/advice';
import type { TaskStatus } from '../../src/client';

function failed(more: Partial<TaskStatus>): TaskStatus {
  return {
    ...{ id: 'nightly', runId: 'r', taskType: 't v0', state: 'FAILED', phase: 'FAILED', links: [] },
    ...{ attempt: 1, code: 'JOB_FAILED', externalId: '7', startedAt: 0, historyLength: 9 },
    ...more,
  };
}

test('after a failed job the repair is named where the connector offers one', () => {
  expect(adviceFor(failed({}), { canRepair: true })).toMatch(
    /longhaul repair nightly\. Or start all of it again/,
  );
  expect(adviceFor(failed({}), { canRepair: false })).not.toContain('repair');
  expect(adviceFor(failed({ code: 'INTERNAL' }), { canRepair: true })).not.toContain('repair');
});

test('only a task that has a job is told to read its logs', () => {
  expect(adviceFor(failed({}), { canRepair: false })).toContain('longhaul logs nightly --page start');
  const { externalId: _none, ...neverSent } = failed({ code: 'INVALID_TASK' });
  expect(adviceFor(neverSent, { canRepair: false })).not.toContain('longhaul logs');
});

test('while the job of an ended task may still run, reconcile is named before --again', () => {
  const advice = adviceFor(failed({ state: 'TERMINATED', code: 'INTERNAL', jobMayRun: true }), {
    canRepair: false,
  });
  expect(advice).toMatch(/its job 7 may still run: .*reconcile --action cancel.*Only then start it again/);
});
