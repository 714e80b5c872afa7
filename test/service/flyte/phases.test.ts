import { TASK_PHASES } from '../../../src/connector/phase';
import { toSentPhase } from '../../../src/service/flyte/phases';
import { TaskExecution_Phase as Phase1 } from '../../../src/service/generated/flyteidl/core/execution_pb';
import { TaskExecution_Phase as Phase2 } from '../../../src/service/generated/flyteidl2/core/execution_pb';

const NUMBERS = [
  ['QUEUED', 1],
  ['RUNNING', 2],
  ['SUCCEEDED', 3],
  ['ABORTED', 4],
  ['FAILED', 5],
  ['INITIALIZING', 6],
  ['WAITING_FOR_RESOURCES', 7],
  ['RETRYABLE_FAILED', 8],
  // Never 0: it is QUEUED, which ends nothing.
  ['UNDEFINED', 1],
] as const;

test.each(NUMBERS)('%s is sent as %i, in both versions', (phase, number) => {
  expect(Phase1[toSentPhase(phase)]).toBe(number);
  expect(Phase2[toSentPhase(phase)]).toBe(number);
});

test('every phase has its number', () => {
  expect(NUMBERS.map(([phase]) => phase).sort()).toEqual([...TASK_PHASES].sort());
});
