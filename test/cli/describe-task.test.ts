import { describeTask, receiptLines } from '../../src/cli/describe-task';
import type { TaskStatus } from '../../src/client';

const FAILED_AT = 1_763_733_600_000;
type Row = NonNullable<TaskStatus['receipt']>['attempts'][number];

function waiting(): TaskStatus {
  const until = new Date(FAILED_AT + 60_000).toISOString();
  return {
    ...{ id: 'nightly', runId: 'r', taskType: 't v0', state: 'OPEN', phase: 'FAILED', links: [] },
    ...{ attempt: 1, code: 'JOB_FAILED', startedAt: 0, historyLength: 9 },
    message: `failed; waiting for a repair until ${until}: Task sum failed: KeyError\n1 more task failed`,
  };
}

function receipt(more: Partial<Row>): string {
  const row = { attempt: 1, token: 't', posts: 1, externalId: '7', phase: 'FAILED', submittedAt: FAILED_AT };
  return receiptLines({ attempts: [{ ...row, ...more }] }).join('\n');
}

const REPAIRED = {
  repairs: 1,
  repairedAt: FAILED_AT + 60_000,
  endedAt: FAILED_AT + 77_000,
  repairedEnds: [{ endedAt: FAILED_AT + 4_000, phase: 'FAILED', message: 'KeyError' }],
};

test('a task that waits for a repair says its cause first, then until when, and for which command', () => {
  const lines = describeTask(waiting(), undefined, FAILED_AT).split('\n');
  const at = lines.findIndex((line) => line.startsWith('message'));
  expect(lines[at]).toMatch(/^message +Task sum failed: KeyError$/);
  expect(lines[at + 2]).toMatch(/^waits +until \d\d:\d\d:\d\d for: longhaul repair nightly$/);
  expect(lines[at + 3]).toContain('longhaul nudge nightly');
});

describe('the times of a repaired attempt', () => {
  test('are said to be of its last repair, the wait for its start included', () => {
    const words = receipt({ ...REPAIRED, runningAt: FAILED_AT + 76_000 });
    expect(words).toContain('the last repair took 17 s');
    expect(words).not.toMatch(/waited|ran /);
  });

  test('are left out where the repair was only seen when it had ended, or began in Databricks', () => {
    expect(receipt({ ...REPAIRED, endedAt: REPAIRED.repairedAt })).not.toMatch(/took|waited|ran /);
    const elsewhere = { ...REPAIRED, repairs: 0, runningAt: FAILED_AT + 61_000 };
    expect(receipt(elsewhere)).not.toMatch(/took|waited|ran /);
  });
});

test('a repair in Databricks is told apart from one of ours where the counts tell', () => {
  expect(receipt({ ...REPAIRED, repairs: 0 })).toContain('repaired in Databricks after FAILED: KeyError');
  expect(receipt(REPAIRED)).toContain('    repaired after FAILED: KeyError');
  const both = receipt({ ...REPAIRED, repairedEnds: [...REPAIRED.repairedEnds, { phase: 'FAILED' }] });
  expect(both).toContain('1 of these repairs was made in Databricks');
});
