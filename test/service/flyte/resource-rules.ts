import { TASK_PHASES } from '../../../src/connector/phase';
import type { TaskResource } from '../../../src/service/tasks/task-service';
import { RUNNING } from './recorded-tasks';

/** A resource as a caller reads it from the wire. */
export interface ReceivedResource {
  readonly phase: number;
  readonly message: string;
  readonly customInfo?: object | undefined;
  readonly logLinks: readonly object[];
  readonly outputs?: object | undefined;
}

export const LINK = { name: 'Databricks Console', uri: 'https://dbx.example.invalid/#job/1/run/2' };

/** The rules of both versions of Flyte's API; `phaseNames` is the version's own enumeration. */
export function testResourceRules(
  send: (resource: TaskResource) => ReceivedResource,
  phaseNames: Readonly<Record<number, string>>,
): void {
  test.each(TASK_PHASES)('%s is never sent as undefined', (phase) => {
    const { phase: sent } = send({ ...RUNNING, phase });
    expect(phaseNames[sent]).toBe(phase === 'UNDEFINED' ? 'QUEUED' : phase);
  });

  test('message, links and custom info are what people see', () => {
    const shown = { message: 'waiting', customInfo: { state: { code: 1 } } };
    const resource = send({ ...RUNNING, ...shown, links: [LINK] });
    expect(resource).toMatchObject(shown);
    expect(resource.logLinks).toMatchObject([{ ...LINK, ShowWhilePending: true }]);
  });

  test.each([
    ['absent', RUNNING],
    ['empty', { ...RUNNING, outputs: {} }],
  ])('outputs that are %s are not sent: the job writes them itself', (_case, resource) => {
    expect(send(resource).outputs).toBeUndefined();
  });
}
