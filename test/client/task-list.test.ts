import { toQuery } from '../../src/client/task-list';

test('without a filter every task is listed', () => {
  expect(toQuery({})).toBe("WorkflowType = 'connectorTask'");
});

test('all parts of a filter must hold', () => {
  expect(
    toQuery({
      open: true,
      phase: 'RUNNING',
      taskType: 'databricks',
      project: 'p',
      externalId: '9007199254740993',
    }),
  ).toBe(
    "WorkflowType = 'connectorTask' AND ExecutionStatus = 'Running' AND ConnectorPhase = 'RUNNING'" +
      " AND ExecutionStatus != 'Terminated' AND ExecutionStatus != 'TimedOut'" +
      " AND ConnectorTaskType = 'databricks' AND ConnectorProject = 'p' AND ConnectorExternalId = '9007199254740993'",
  );
});

test('what does not run any more is asked for by exclusion', () => {
  expect(toQuery({ open: false })).toContain("ExecutionStatus != 'Running'");
});

test.each([
  ["it's", "'it\\'s'"],
  ["' OR WorkflowType = 'x", "'\\' OR WorkflowType = \\'x'"],
  ['back\\slash', "'back\\\\slash'"],
])('a quote cannot leave its value: %s', (project, quoted) => {
  expect(toQuery({ project })).toBe(`WorkflowType = 'connectorTask' AND ConnectorProject = ${quoted}`);
});

test('what was ended from outside counts as failed, whatever it showed last', () => {
  expect(toQuery({ phase: 'FAILED' })).toContain(
    "(ConnectorPhase = 'FAILED' OR ExecutionStatus = 'Terminated' OR ExecutionStatus = 'TimedOut')",
  );
});
