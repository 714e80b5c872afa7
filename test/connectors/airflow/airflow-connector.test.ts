import { checkTask } from '../../../src/client';
import { toTaskInput } from '../../../src/client/task-door';
import { ConnectorRegistry, DEFAULT_POLICY, type JsonObject } from '../../../src/connector';
import { AirflowConnector } from '../../../src/connectors/airflow';

const OPERATOR = 'airflow.providers.standard.operators.bash.BashOperator';
const request = (custom: JsonObject): Parameters<typeof checkTask>[0] => ({
  template: { type: 'airflow', version: 0, custom: { operator: OPERATOR, ...custom } },
  policy: DEFAULT_POLICY,
});
const doorOf = (connector: AirflowConnector): Parameters<typeof toTaskInput>[1] => ({
  registry: new ConnectorRegistry().register(connector),
  secretsAllow: ['env:LONGHAUL_SECRET_*'],
  searchAttributes: true,
});

describe('the Airflow connector', () => {
  const connector = new AirflowConnector();

  test.each([
    { whose: 'the task’s own', serving: connector, custom: { airflow: 2 }, major: 2 },
    { whose: 'the configured one', serving: new AirflowConnector({ defaultMajor: 2 }), custom: {}, major: 2 },
    { whose: '3 where nobody says', serving: connector, custom: {}, major: 3 },
  ])('a task is routed to the queues of its major: $whose', ({ serving, custom, major }) => {
    expect(toTaskInput(request(custom), doorOf(serving)).routing).toEqual({
      polls: `airflow${major}`,
      control: `airflow${major}:control`,
      fence: 'token',
      repair: false,
    });
  });

  test('an operator’s own queue takes the tasks of the default major, and those alone', () => {
    const own = new AirflowConnector({ taskQueue: 'finance-airflow' });
    const queues = { polls: 'finance-airflow', control: 'finance-airflow:control' };
    expect(toTaskInput(request({}), doorOf(own)).routing).toMatchObject(queues);
    expect(own.taskQueuesFor({ meta: { airflowMajor: 3 } })).toEqual(queues);
    expect(own.taskQueuesFor({ meta: { airflowMajor: 2 } }).polls).toBe('airflow2');
  });

  test('nobody hands in a meta: it says what to run', () => {
    const adopted = { meta: { airflowMajor: 3 }, externalId: '1' };
    expect(() => checkTask({ ...request({}), adopted }, doorOf(connector))).toThrow(/cannot be followed/);
  });

  test('a job’s logs are asked where its meta says', () => {
    expect(connector.taskQueuesFor({ meta: { airflowMajor: 2 } }).control).toBe('airflow2:control');
  });

  test.each([
    ['airflow2:triggers', 'longhaul worker --airflow 2'],
    ['airflow3', 'longhaul worker --airflow 3'],
  ])('whoever waits at %s is told: %s', (queue, command) => {
    expect(connector.servedBy(queue)).toBe(command);
  });

  test('a task’s retries raise the attempts it may use, and never lower them', () => {
    const attempts = (retries: number): number =>
      toTaskInput(request({ retries }), doorOf(connector)).policy.maxAttempts;
    expect([0, 2, 7].map(attempts)).toEqual([DEFAULT_POLICY.maxAttempts, DEFAULT_POLICY.maxAttempts, 8]);
  });

  test('a secret that the operator does not allow is refused at the door', () => {
    const connections = { c: { conn_type: 'http', password: { $secret: 'env:HOME' } } };
    expect(() => checkTask(request({ connections }), doorOf(connector))).toThrow(
      expect.objectContaining({ code: 'PERMISSION_DENIED', field: 'connections.c.password' }),
    );
  });

  test('what acts is served by the Python worker only, and says how to start it', async () => {
    for (const act of [
      () => connector.create(),
      () => connector.get(),
      () => connector.delete(),
      () => connector.execute(),
      () => connector.getLogs(),
    ]) {
      await expect(act()).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        advice: expect.stringContaining('longhaul worker --airflow 3'),
      });
    }
  });
});
