import {
  invalidTask,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type TaskContainer,
  type TaskTemplate,
} from '../../connector';
import type { FlyteCredentialDefaults } from './databricks-flyte-credentials';
import { isJsonArray, objectAt, textAt } from './databricks-json';

/** Tells Flyte's entrypoint to end a failed task with a non-zero code. */
export const FLYTE_FAIL_ON_ERROR = 'FLYTE_FAIL_ON_ERROR';

/** Where Flyte's entrypoints live, one set for each generation of its plugin. */
interface Entrypoint {
  readonly pythonFile: string;
  /** Absent where the generation cannot run on serverless compute. */
  readonly serverlessPythonFile?: string;
  readonly gitCommit: string;
}

const FLYTE_1: Entrypoint = {
  pythonFile: 'flytekitplugins/databricks/entrypoint.py',
  serverlessPythonFile: 'flytekitplugins/databricks/entrypoint_serverless.py',
  gitCommit: '572298df1f971fb58c258398bd70a6372f811c96',
};

const FLYTE_2: Entrypoint = {
  pythonFile: 'flyteplugins/databricks/entrypoint.py',
  gitCommit: '194364210c47c49ce66c419e8fb68d6f9c06fd7e',
};

/** Fields of `databricksConf` that speak to the connector and are not part of the Jobs API body. */
const PSEUDO_KEYS: ReadonlySet<string> = new Set(['python_file', 'environment_key', 'git_source']);

const CONF_PATH = 'custom.databricksConf';

/** What a Flyte task takes from the operator when it does not say itself. */
export interface FlyteDefaults {
  /** Flyte's `FLYTE_DATABRICKS_SERVICE_CREDENTIAL_PROVIDER`. */
  readonly serviceCredentialProvider?: string;
  /** Whose credentials its tasks run with. */
  readonly credentials?: FlyteCredentialDefaults;
}

/**
 * Builds the `runs/submit` body of a Flyte task exactly as Flyte's own connectors do.
 * Source: flytekitplugins-spark 1.16.31, flyteplugins-databricks 2.12.1.
 * @throws INVALID_TASK naming the field.
 */
export function buildFlyteBody(template: TaskTemplate, defaults: FlyteDefaults = {}): JsonObject {
  const entrypoint = isFlyte2(template) ? FLYTE_2 : FLYTE_1;
  const conf = readConf(template, entrypoint);
  const source: FlyteSource = { template, conf, entrypoint, defaults };
  if (!isServerless(conf)) return buildClassicBody(source);
  if (entrypoint.serverlessPythonFile === undefined) {
    throw invalidTask(
      CONF_PATH,
      'needs existing_cluster_id or new_cluster: Flyte 2 does not run on serverless',
    );
  }
  return buildServerlessBody(source);
}

interface FlyteSource {
  readonly template: TaskTemplate;
  readonly conf: JsonObject;
  readonly entrypoint: Entrypoint;
  readonly defaults: FlyteDefaults;
}

/** Both generations use one task type; only Flyte 2 writes `secrets` and its own command `a0`. */
function isFlyte2(template: TaskTemplate): boolean {
  return isJsonObject(template.custom['secrets']) || template.container?.args[0] === 'a0';
}

/** A null is as good as absent, to Flyte as to Databricks. Flyte 2 always runs its own file from its own source. */
function readConf({ custom }: TaskTemplate, entrypoint: Entrypoint): JsonObject {
  const given = custom['databricksConf'];
  if (!isJsonObject(given)) throw invalidTask(CONF_PATH, 'must be an object', given);
  const conf = withoutNulls(given);
  const { python_file: _file, git_source: _source, ...ofFlyte2 } = conf;
  return entrypoint === FLYTE_2 ? ofFlyte2 : conf;
}

function withoutNulls(object: JsonObject): JsonObject {
  const present = Object.entries(object).filter(([, value]) => value !== null);
  return Object.fromEntries(
    present.map(([key, value]) => [key, isJsonObject(value) ? withoutNulls(value) : value]),
  );
}

/** As in Flyte: naming a cluster, even an empty one, means classic compute. */
function isServerless(conf: JsonObject): boolean {
  if (conf['existing_cluster_id'] !== undefined || conf['new_cluster'] !== undefined) return false;
  const { environments } = conf;
  return (
    textAt(conf, 'environment_key') !== undefined || (isJsonArray(environments) && environments.length > 0)
  );
}

/** Classic compute: the single task stands at the top of the body. */
function buildClassicBody(source: FlyteSource): JsonObject {
  return {
    ...withoutPseudoKeys(source.conf),
    ...completeCluster(source),
    ...gitSourceOf(source),
    ...taskObjectOf(source, false),
  };
}

/** Serverless compute: Databricks wants `tasks` and an entry in `environments`. */
function buildServerlessBody(source: FlyteSource): JsonObject {
  const environmentKey = textAt(source.conf, 'environment_key') ?? 'default';
  const taskKey = notebookPathOf(source) === undefined ? 'flyte_task' : 'flyte_notebook_task';
  return {
    ...withoutPseudoKeys(source.conf),
    environments: completeEnvironments(source, environmentKey),
    ...gitSourceOf(source),
    tasks: [{ task_key: taskKey, ...taskObjectOf(source, true), environment_key: environmentKey }],
  };
}

function withoutPseudoKeys(conf: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(conf).filter(([key]) => !PSEUDO_KEYS.has(key)));
}

/** The user's own image, Spark settings and variables stay; only Flyte's variables are laid over theirs. */
function completeCluster({ template, conf, entrypoint }: FlyteSource): JsonObject {
  if (conf['existing_cluster_id'] !== undefined) return {};
  const cluster = conf['new_cluster'];
  if (!isJsonObject(cluster)) {
    throw invalidTask(CONF_PATH, 'needs existing_cluster_id, new_cluster, environment_key or environments');
  }
  const image = template.container?.image ?? '';
  return {
    new_cluster: {
      ...cluster,
      ...(isEmpty(cluster['docker_image']) && image !== '' ? { docker_image: { url: image } } : {}),
      ...(isEmpty(cluster['spark_conf']) ? { spark_conf: objectAt(template.custom, 'sparkConf') } : {}),
      spark_env_vars: { ...objectAt(cluster, 'spark_env_vars'), ...environmentOf(template, entrypoint) },
    },
  };
}

function isEmpty(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

function environmentOf(template: TaskTemplate, entrypoint: Entrypoint): Record<string, string> {
  return {
    ...template.container?.env,
    ...(entrypoint === FLYTE_1 ? { [FLYTE_FAIL_ON_ERROR]: 'true' } : {}),
  };
}

function completeEnvironments({ template, conf, entrypoint }: FlyteSource, key: string): JsonValue {
  const given = isJsonArray(conf['environments']) ? conf['environments'] : [];
  const isNamed = (entry: JsonValue): entry is JsonObject =>
    isJsonObject(entry) && entry['environment_key'] === key;
  const entries = given.some(isNamed) ? given : [...given, { environment_key: key, spec: { client: '1' } }];
  const variables = environmentOf(template, entrypoint);
  const first = entries.findIndex(isNamed);
  return entries.map((entry, index) => {
    if (index !== first || !isJsonObject(entry)) return entry;
    const spec = objectAt(entry, 'spec');
    return {
      ...entry,
      spec: { ...spec, environment_vars: { ...objectAt(spec, 'environment_vars'), ...variables } },
    };
  });
}

function notebookPathOf({ template }: FlyteSource): string | undefined {
  return textAt(template.custom, 'notebookPath');
}

/** A Python task always comes from git; a notebook only when the user says from where. */
function gitSourceOf(source: FlyteSource): JsonObject {
  const given = source.conf['git_source'];
  if (!isEmpty(given) && given !== undefined) return { git_source: given };
  if (notebookPathOf(source) !== undefined) return {};
  return {
    git_source: {
      git_url: 'https://github.com/flyteorg/flytetools',
      git_provider: 'gitHub',
      git_commit: source.entrypoint.gitCommit,
    },
  };
}

function taskObjectOf(source: FlyteSource, serverless: boolean): JsonObject {
  const notebookPath = notebookPathOf(source);
  return notebookPath === undefined
    ? { spark_python_task: pythonTaskOf(source, serverless) }
    : { notebook_task: notebookTaskOf(source, notebookPath) };
}

function notebookTaskOf({ template, conf }: FlyteSource, notebookPath: string): JsonObject {
  const parameters = template.custom['notebookBaseParameters'];
  return {
    notebook_path: notebookPath,
    ...(isEmpty(parameters) || parameters === undefined ? {} : { base_parameters: parameters }),
    ...(isEmpty(conf['git_source']) ? {} : { source: 'GIT' }),
  };
}

function pythonTaskOf(source: FlyteSource, serverless: boolean): JsonObject {
  const { template, conf, entrypoint } = source;
  const standard = serverless ? entrypoint.serverlessPythonFile : entrypoint.pythonFile;
  const given = conf['python_file'] === '' ? undefined : conf['python_file'];
  return {
    python_file: given ?? standard ?? entrypoint.pythonFile,
    source: 'GIT',
    parameters: [...containerOf(template).args, ...(serverless ? credentialProviderOf(source) : [])],
  };
}

/** Last, because `pyflyte-fast-execute` must stay first. */
function credentialProviderOf({ template, defaults }: FlyteSource): string[] {
  const provider =
    textAt(template.custom, 'databricksServiceCredentialProvider') ?? defaults.serviceCredentialProvider;
  return provider === undefined || provider === '' ? [] : [`--flyte-credential-provider=${provider}`];
}

function containerOf(template: TaskTemplate): TaskContainer {
  if (template.container !== undefined) return template.container;
  throw invalidTask('container', 'is missing: a Flyte task runs by its arguments');
}
