import type { Finding, ReconcileReport } from '../../activities';
import { describeReconciliation } from '../../src/cli/reconcile-text';

const RUN = '9007199254740993';
const OWN: Finding = {
  ...{ kind: 'task', state: 'ACTIVE', taskType: 'databricks', taskId: 'nightly', externalId: '4711' },
  ...{ place: 'simulated', closed: 'TERMINATED', since: 0, done: 'nothing', note: 'nobody follows it' },
};
const FOREIGN_NOTE =
  'unknown to this namespace: it may belong to another cluster or namespace; ' +
  `follow it with: longhaul adopt ${RUN} --workspace a-workspace-with-quite-a-long-name`;
const FOREIGN: Finding = {
  ...{ kind: 'foreign', state: 'ACTIVE', taskType: 'databricks', externalId: RUN, place: 'simulated' },
  ...{ since: 0, done: 'nothing', note: FOREIGN_NOTE },
};

function reportOf(...findings: Finding[]): ReconcileReport {
  const found = findings.length;
  return {
    ...{ checkedAt: 0, since: 0, action: 'report', closedTasks: 3, markedJobs: 2 },
    ...{ found, handled: 0, left: found, findings, unread: [] },
  };
}

const OWN_ADVICE =
  'Stop them with: longhaul reconcile --action cancel   Follow them with: longhaul reconcile --action adopt';
const FOREIGN_ADVICE =
  'Stop them with: longhaul reconcile --foreign --action cancel   ' +
  'Follow them with: longhaul reconcile --foreign --action adopt';

/** What is said below the summary. */
function adviceIn(...[report, asked]: Parameters<typeof describeReconciliation>): string[] {
  const lines = describeReconciliation(report, asked).split('\n');
  return lines.slice(lines.findIndex((line) => line.includes(' left over')) + 1);
}

test('what tasks of this namespace left over needs no --foreign', () => {
  expect(adviceIn(reportOf(OWN), {})).toEqual([OWN_ADVICE]);
});

test('where every run is unknown to this namespace the advice names --foreign', () => {
  expect(adviceIn(reportOf(FOREIGN), {})).toEqual([expect.stringMatching(/look first/), FOREIGN_ADVICE]);
});

test('where some are, both commands are named', () => {
  const advice = adviceIn(reportOf(OWN, FOREIGN), {});
  expect(advice).toEqual([OWN_ADVICE, expect.stringMatching(/--foreign only/), FOREIGN_ADVICE]);
});

test('the advice is for the same runs: it keeps --since and --workspace', () => {
  const [command] = adviceIn(reportOf(OWN), { since: 7 * 86_400_000, workspace: 'prod' });
  expect(command).toContain('longhaul reconcile --since 7d --workspace prod --action cancel');
});

test.each([
  [90_000, '90s'],
  [5_400_000, '90m'],
  [12 * 3_600_000, '12h'],
])('%i ms is said as --since takes it: %s', (since, said) => {
  expect(adviceIn(reportOf(OWN), { since })[0]).toContain(`--since ${said} `);
});

test('after an action there is none: each row says what became of it', () => {
  expect(adviceIn({ ...reportOf(FOREIGN), action: 'cancel' }, {})).toEqual([]);
});

test('the command at the end of a row is whole, however long', () => {
  expect(describeReconciliation(reportOf(FOREIGN), {})).toContain(`\n  ${FOREIGN_NOTE}\n`);
});
