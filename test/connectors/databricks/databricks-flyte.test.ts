import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTaskTemplate, type JsonObject, type TaskTemplate } from '../../../src/connector';
import { buildRequestBody } from '../../../src/connectors/databricks/databricks-request';
import { parseDatabricksTask } from '../../../src/connectors/databricks/databricks-task';
import { IDEMPOTENCY_TOKEN } from './support/calls';

const FIXTURES = join(__dirname, '../../fixtures/flyte');

function readTemplate(name: string): TaskTemplate {
  return parseTaskTemplate(JSON.parse(readFileSync(join(FIXTURES, `template-${name}.json`), 'utf8')));
}

const V1_GIT = {
  git_url: 'https://github.com/flyteorg/flytetools',
  git_provider: 'gitHub',
  git_commit: '572298df1f971fb58c258398bd70a6372f811c96',
};
const V2_GIT = { ...V1_GIT, git_commit: '194364210c47c49ce66c419e8fb68d6f9c06fd7e' };
const V1_ENV = { STAGE: 'test', FLYTE_FAIL_ON_ERROR: 'true' };

function v1Args(name: string): string[] {
  return [
    'pyflyte-execute',
    ...['--inputs', '{{.input}}'],
    ...['--output-prefix', '{{.outputPrefix}}'],
    ...['--raw-output-data-prefix', '{{.rawOutputDataPrefix}}'],
    ...['--checkpoint-path', '{{.checkpointOutputPrefix}}'],
    ...['--prev-checkpoint', '{{.prevCheckpointPrefix}}'],
    ...['--resolver', 'flytekit.core.python_auto_container.default_task_resolver'],
    ...['--', 'task-module', `demo_${name}`, 'task-name', name],
  ];
}

function v2Args(name: string): string[] {
  return [
    'a0',
    ...['--inputs', '{{.input}}'],
    ...['--outputs-path', '{{.outputPrefix}}'],
    ...['--version', 'v1'],
    ...['--raw-data-path', '{{.rawOutputDataPrefix}}'],
    ...['--checkpoint-path', '{{.checkpointOutputPrefix}}'],
    ...['--prev-checkpoint', '{{.prevCheckpointPrefix}}'],
    ...['--run-name', '{{.runName}}'],
    ...['--name', '{{.actionName}}'],
    ...['--run-start-time', '{{.runStartTime}}'],
    ...['--tgz', 's3://bucket/code.tgz'],
    ...['--dest', '/root'],
    ...['--resolver', 'flyte._internal.resolvers.default.DefaultTaskResolver'],
    ...['mod', 'make_v2', 'instance', name],
  ];
}

function v1Python(name: string, args = v1Args(name)): JsonObject {
  return {
    python_file: 'flytekitplugins/databricks/entrypoint.py',
    source: 'GIT',
    parameters: args,
  };
}

function cluster(sparkConf: JsonObject, env: JsonObject): JsonObject {
  return {
    node_type_id: 'm5.xlarge',
    num_workers: 2,
    spark_version: '13.3.x-scala2.12',
    docker_image: { url: 'ghcr.io/example/spark:v1' },
    spark_conf: sparkConf,
    spark_env_vars: env,
  };
}

const FAST_ARGS = [
  'pyflyte-fast-execute',
  ...['--additional-distribution', 's3://bucket/fast/abc.tar.gz'],
  ...['--dest-dir', '/root'],
  '--',
  ...v1Args('dbx_fast'),
];

function serverlessPython(name: string, more: string[] = []): JsonObject {
  return {
    python_file: 'flytekitplugins/databricks/entrypoint_serverless.py',
    source: 'GIT',
    parameters: [...v1Args(name), ...more],
  };
}

const EXPECTED: Record<string, JsonObject> = {
  'v1-databricks-deprecated': {
    run_name: 'r',
    max_retries: 1,
    timeout_seconds: 3600,
    new_cluster: cluster({ 'spark.driver.memory': '1g' }, V1_ENV),
    spark_python_task: v1Python('dbx_old'),
    git_source: V1_GIT,
  },
  'v1-databricksv2-new-cluster': {
    run_name: 'r',
    max_retries: 1,
    timeout_seconds: 3600,
    new_cluster: cluster({ 'spark.driver.memory': '1g' }, { ...V1_ENV, A: '1' }),
    spark_python_task: v1Python('dbx_new'),
    git_source: V1_GIT,
  },
  'v1-databricksv2-fast-register': {
    run_name: 'r',
    new_cluster: cluster({}, V1_ENV),
    spark_python_task: v1Python('dbx_fast', FAST_ARGS),
    git_source: V1_GIT,
  },
  'v1-databricksv2-existing-cluster': {
    run_name: 'r',
    existing_cluster_id: '0101-abc',
    spark_python_task: v1Python('dbx_existing'),
    git_source: V1_GIT,
  },
  'v1-databricksv2-no-instance': {
    existing_cluster_id: '0101-abc',
    spark_python_task: v1Python('dbx_noinst'),
    git_source: V1_GIT,
  },
  'v1-databricksv2-oauth-secrets': {
    existing_cluster_id: '0101-abc',
    spark_python_task: v1Python('dbx_oauth'),
    git_source: V1_GIT,
  },
  'v1-databricksv2-notebook': {
    run_name: 'r',
    new_cluster: cluster({}, V1_ENV),
    notebook_task: { notebook_path: '/Users/u@example.com/nb', base_parameters: { p: '1' } },
  },
  'v1-databricksv2-notebook-serverless-git': {
    run_name: 'r',
    git_source: { git_branch: 'main', git_provider: 'gitHub', git_url: 'https://example.com/r.git' },
    environments: [{ environment_key: 'default', spec: { client: '1', environment_vars: V1_ENV } }],
    tasks: [
      {
        task_key: 'flyte_notebook_task',
        notebook_task: { notebook_path: 'nb/one', source: 'GIT' },
        environment_key: 'default',
      },
    ],
  },
  'v1-databricksv2-serverless-inline': {
    run_name: 'r',
    git_source: V1_GIT,
    environments: [
      {
        environment_key: 'default',
        spec: { client: '1', dependencies: ['pandas==2.0.0'], environment_vars: V1_ENV },
      },
    ],
    tasks: [
      {
        task_key: 'flyte_task',
        spark_python_task: serverlessPython('dbx_sl_inline'),
        environment_key: 'default',
      },
    ],
  },
  'v1-databricksv2-serverless-key': {
    run_name: 'r',
    git_source: V1_GIT,
    environments: [{ environment_key: 'pre', spec: { client: '1', environment_vars: V1_ENV } }],
    tasks: [
      {
        task_key: 'flyte_task',
        spark_python_task: serverlessPython('dbx_sl', ['--flyte-credential-provider=prov']),
        environment_key: 'pre',
      },
    ],
  },
  'v2-databricks-new-cluster': {
    run_name: 'r',
    timeout_seconds: 3600,
    new_cluster: cluster({ 'spark.driver.memory': '1g' }, { STAGE: 'test' }),
    spark_python_task: {
      python_file: 'flyteplugins/databricks/entrypoint.py',
      source: 'GIT',
      parameters: v2Args('job'),
    },
    git_source: V2_GIT,
  },
  'v2-databricks-existing-cluster-no-token': {
    existing_cluster_id: '0101-abc',
    spark_python_task: {
      python_file: 'flyteplugins/databricks/entrypoint.py',
      source: 'GIT',
      parameters: v2Args('job2'),
    },
    git_source: V2_GIT,
  },
};

describe('a Flyte task', () => {
  it.each(Object.keys(EXPECTED))('%s is submitted as Flyte’s own connector would', (name) => {
    const task = parseDatabricksTask(readTemplate(name));
    expect(task.body).toEqual(EXPECTED[name]);
    expect(task).toMatchObject({ operation: 'submit', isFlyte: true });
    const isUnbound = name.endsWith('no-instance') || name.endsWith('no-token');
    expect(task.workspace).toBe(isUnbound ? undefined : 'dbx.example.invalid');
  });

  it('has its token in the body and the end of it in the name', () => {
    const template = readTemplate('v1-databricksv2-new-cluster');
    const body = buildRequestBody(parseDatabricksTask(template), {
      template,
      idempotencyToken: IDEMPOTENCY_TOKEN,
    });
    expect(body['idempotency_token']).toBe(IDEMPOTENCY_TOKEN);
    expect(body['run_name']).toBe(
      'r [lh:34567890ab-1]'.replace('34567890ab-1', IDEMPOTENCY_TOKEN.slice(-12)),
    );
    expect(JSON.stringify(body)).toContain('"timeout_seconds":3600,');
  });

  it.each([
    ['empty', { databricksConf: {} }],
    ['absent', {}],
  ])('of type spark without databricksConf (%s) is refused by name', (_, custom) => {
    const template: TaskTemplate = { type: 'spark', version: 0, custom };
    expect(() => parseDatabricksTask(template)).toThrow(
      expect.objectContaining({
        code: 'INVALID_TASK',
        field: 'custom.databricksConf',
        message: expect.stringContaining('not for Databricks') as string,
      }),
    );
  });

  it('v1-spark-k8s belongs to the Kubernetes plugin', () => {
    expect(() => parseDatabricksTask(readTemplate('v1-spark-k8s'))).toThrow(/custom\.databricksConf/);
  });

  it('keeps what the user chose for the cluster, the file and the source', () => {
    const template: TaskTemplate = {
      type: 'databricks',
      version: 0,
      container: { image: 'theirs:1', args: ['a'], env: { A: 'flyte', B: 'flyte' } },
      custom: {
        sparkConf: { x: '1' },
        databricksConf: {
          python_file: 'mine.py',
          git_source: { git_url: 'https://example.com/mine.git', git_provider: 'gitLab', git_branch: 'b' },
          new_cluster: {
            docker_image: { url: 'mine:1' },
            spark_conf: { y: '2' },
            spark_env_vars: { A: 'user', C: 'user' },
          },
        },
      },
    };
    expect(parseDatabricksTask(template).body).toEqual({
      new_cluster: {
        docker_image: { url: 'mine:1' },
        spark_conf: { y: '2' },
        spark_env_vars: { A: 'flyte', B: 'flyte', C: 'user', FLYTE_FAIL_ON_ERROR: 'true' },
      },
      git_source: { git_url: 'https://example.com/mine.git', git_provider: 'gitLab', git_branch: 'b' },
      spark_python_task: { python_file: 'mine.py', source: 'GIT', parameters: ['a'] },
    });
  });

  it('takes the credential provider from the operator when it names none', () => {
    const template = readTemplate('v1-databricksv2-serverless-inline');
    const { body } = parseDatabricksTask(template, { serviceCredentialProvider: 'op' });
    expect(JSON.stringify(body)).toContain('"--flyte-credential-provider=op"]');
  });

  it.each([
    ['without compute', { run_name: 'r' }, /needs existing_cluster_id, new_cluster, environment_key/],
    ['with its own token', { existing_cluster_id: 'c', idempotency_token: 't' }, /idempotency_token/],
    [
      'with a wrong type',
      { existing_cluster_id: 'c', timeout_seconds: 'soon' },
      /timeout_seconds: must be an integer/,
    ],
    ['with tags', { existing_cluster_id: 'c', tags: {} }, /databricksConf\.tags/],
  ])('%s is refused by field', (_, databricksConf, message) => {
    const container = { image: 'i', args: [], env: {} };
    const template: TaskTemplate = { type: 'databricks', version: 0, container, custom: { databricksConf } };
    expect(() => parseDatabricksTask(template)).toThrow(message);
  });
});
