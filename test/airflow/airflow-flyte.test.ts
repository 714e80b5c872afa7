import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';

import type { JsonObject } from '../../src/connector';
import { startService } from '../../src/service';
import { TaskExecution_Phase } from '../../src/service/generated/flyteidl/core/execution_pb';
import { TaskTemplateSchema } from '../../src/service/generated/flyteidl/core/tasks_pb';
import { AsyncAgentService } from '../../src/service/generated/flyteidl/service/agent_pb';
import { readFixtureJson } from '../service/flyte/fixtures';
import { connect } from '../service/support/rpc-client';
import { waitUntil } from '../support/wait-until';
import { untilTask, type AirflowBench } from './support/airflow-bench';
import { bash, DEMO_HOOK, operator, python, submitRun } from './support/operators';
import { refusalOf, refusalPastTheDoor } from './support/refusals';
import { describeBothMajors } from './support/suite';

/** What Flyte's own plugin sends, unchanged; and what somebody sends who means harm. */
const LIMIT_MS = 120_000;

interface FlyteTemplate {
  readonly type: string;
  readonly custom: { readonly task_config_pkl: string };
}

function template(name: string): FlyteTemplate & JsonValue {
  return readFixtureJson(`template-v1-airflow-${name}.json`);
}

/** A payload of the plugin with a member of its parameters replaced by this. */
function hostile(value: JsonObject, more: JsonObject = {}): JsonObject {
  const payload: JsonObject = {
    'py/object': 'flytekitplugins.airflow.task.AirflowObj',
    module: 'airflow.operators.bash',
    name: 'BashOperator',
    parameters: { task_id: 'bash', bash_command: 'echo hi', env: value },
    ...more,
  };
  return { task_config_pkl: JSON.stringify(payload) };
}

describeBothMajors<undefined>({
  prepare: async (bench) => {
    await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
    return undefined;
  },
  tests: (stage) => {
    const bench = (): AirflowBench => stage().bench;
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);

    rule('the plugin’s BashOperator runs', async () => {
      const { status, result } = await bench().run({ spec: template('bash').custom });
      expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
      expect(result?.resource.outputs).toMatchObject({ return_value: 'hi' });
    });

    rule('… through the gRPC service too, and Flyte gets its outputs', async () => {
      const service = await startService({
        temporal: bench().temporalAddress,
        registry: bench().registry,
        workflowTaskQueue: bench().workflowTaskQueue,
        ...{ secretsAllow: [], cluster: 'test', port: 0, drainNoticeMs: 0, taskUrl: () => undefined },
        logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
      });
      const client = connect(service.port);
      try {
        const { createTask, getTask } = AsyncAgentService.method;
        const created = await client.unary(createTask, {
          template: fromJson(TaskTemplateSchema, template('bash')),
          outputPrefix: `s3://example/airflow-${bench().major}/${Date.now()}`,
        });
        const ended = await waitUntil('its end', async () => {
          const taskCategory = { name: 'airflow', version: 0 };
          const { resourceMeta } = created;
          const { resource } = await client.unary(getTask, { resourceMeta, taskCategory });
          return resource?.phase === TaskExecution_Phase.SUCCEEDED ? resource : undefined;
        });
        expect(Object.keys(ended.outputs?.literals ?? {})).toContain('return_value');
      } finally {
        client.close();
        await service.drain();
      }
    });

    rule('the plugin’s FileSensor pokes as a timer, until it is canceled', async () => {
      const id = await bench().begin({ spec: template('file-sensor').custom });
      const waiting = await untilTask(bench(), id, ({ nextCheckAt }) => nextCheckAt !== undefined);
      expect(waiting).toMatchObject({ state: 'OPEN', phase: 'RUNNING' });
      await bench().tasks.cancel(id);
      expect((await bench().tasks.wait(id)).status.state).toBe('CANCELED');
    });

    rule('ExternalTaskSensor is refused in words: there is no DAG to look at', async () => {
      const refusal = await refusalOf(bench(), template('ext').custom);
      expect(refusal.code).toBe('UNSUPPORTED');
      expect(refusal.message).toMatch(/ExternalTaskSensor.*DAG/);
    });

    rule('an operator whose provider is not installed is refused by name', async () => {
      const refusal = await refusalOf(bench(), template('bq').custom);
      expect(refusal.message).toContain('airflow.providers.google.cloud.operators.bigquery');
    });

    rule('a project without shell-like operators gets none, and only its own connections', async () => {
      const closed = { project: 'closed' };
      const shell = await bench().run({ spec: bash('echo hi'), ...closed });
      expect(shell.status).toMatchObject({ state: 'FAILED', code: 'PERMISSION_DENIED' });
      expect(shell.status.message).toContain('BashOperator');
      const run = await bench().run({ spec: submitRun({ name: 'refused' }), ...closed });
      expect(run.status).toMatchObject({ state: 'FAILED' });
      expect(run.status.message).toContain('databricks_default');
      expect(bench().simulator.counters().runsCreated).toBe(0);
    });

    describe('is refused by name, at the door or past it, with nothing executed:', () => {
      const hostilePayloads = (marker: string): Readonly<Record<string, readonly [JsonObject, RegExp]>> => {
        const touch = { 'py/tuple': [`touch ${marker}`] };
        const system = { 'py/function': 'os.system' };
        return {
          'a py/reduce': [hostile({ 'py/reduce': [system, touch] }), /py\/reduce|os\.system/],
          'a py/object': [hostile({ 'py/object': 'subprocess.Popen', args: touch }), /subprocess\.Popen/],
          'a py/repr': [hostile({ 'py/repr': `os/os.system('touch ${marker}')` }), /py\/repr/],
          'a reduction deep within a date': [
            hostile({ deep: [{ 'py/object': 'datetime.datetime', __reduce__: [system, touch] }] }),
            /__reduce__|os\.system/,
          ],
          'a class outside the list': [hostile({}, { module: 'subprocess', name: 'Popen' }), /subprocess/],
          'a function outside the list': [
            operator('airflow.providers.standard.operators.python.PythonOperator', {
              python_callable: { $callable: 'os:system' },
              op_args: [`touch ${marker}`],
            }),
            /os[:.]system/,
          ],
          'a method of a hook outside the list': [
            { hook: DEMO_HOOK, parameters: {}, method: 'forbidden', args: { path: marker } },
            /DemoHook\.forbidden/,
          ],
          'a hook that is no hook': [
            { hook: 'subprocess.Popen', parameters: { args: ['touch', marker] }, method: 'wait', args: {} },
            /subprocess\.Popen/,
          ],
          'a private name': [python('__builtins__', { op_args: [marker] }), /__builtins__/],
        };
      };

      test.each(Object.keys(hostilePayloads('')))(
        '%s',
        async (name) => {
          const marker = join(bench().folder('hostile'), 'marker');
          const [spec, words] = hostilePayloads(marker)[name] ?? [];
          if (spec === undefined || words === undefined) throw new Error(`no payload is named ${name}`);
          const refusal = await refusalOf(bench(), spec);
          const past = await refusalPastTheDoor(bench(), spec);
          for (const { code, message } of [refusal, past]) {
            expect(code).toMatch(/^(PERMISSION_DENIED|INVALID_TASK)$/);
            expect(message).toMatch(words);
          }
          expect(past.by).toBe('worker');
          expect(existsSync(marker)).toBe(false);
        },
        LIMIT_MS,
      );
    });
  },
});
