import { invalidTask, isJsonObject, type JsonObject, type JsonValue } from '../../connector';
import { isJsonArray, objectAt, objectsAt, textAt } from './databricks-json';

/**
 * How the compute of a submitted run is to differ from what its body says; laid into the template by a resubmit, so
 * that history shows it. A type, not an interface, so that it is a {@link JsonObject}.
 */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- an interface has no index signature
export type ComputeChange = {
  readonly availability?: 'on-demand';
  readonly serverless?: true;
  readonly zone?: string;
  readonly nodeType?: string;
};

export const ON_DEMAND: ComputeChange = { availability: 'on-demand' };

/** What each cloud calls spot instances, and the opposite of them. */
const ON_DEMAND_OF: Readonly<Record<string, string>> = {
  SPOT: 'ON_DEMAND',
  SPOT_WITH_FALLBACK: 'ON_DEMAND',
  SPOT_AZURE: 'ON_DEMAND_AZURE',
  SPOT_WITH_FALLBACK_AZURE: 'ON_DEMAND_AZURE',
  PREEMPTIBLE_GCP: 'ON_DEMAND_GCP',
  PREEMPTIBLE_WITH_FALLBACK_GCP: 'ON_DEMAND_GCP',
};

const ATTRIBUTES = ['aws_attributes', 'azure_attributes', 'gcp_attributes'] as const;

/** Reads a change from a template or a policy. @throws INVALID_TASK naming the field. */
export function parseComputeChange(field: string, value: JsonValue | undefined): ComputeChange {
  if (value === 'on-demand') return ON_DEMAND;
  if (value === 'serverless') return { serverless: true };
  if (!isJsonObject(value) || Object.keys(value).length === 0) {
    throw invalidTask(field, 'must be on-demand, serverless, { zone: … } or { nodeType: … }', value);
  }
  const { availability, serverless, zone, nodeType, ...unknown } = value;
  const [foreign] = Object.keys(unknown);
  if (foreign !== undefined) {
    throw invalidTask(
      `${field}.${foreign}`,
      'is not known (known: availability, serverless, zone, nodeType)',
    );
  }
  if (availability !== undefined && availability !== 'on-demand') {
    throw invalidTask(`${field}.availability`, 'must be on-demand', availability);
  }
  if (serverless !== undefined && serverless !== true) {
    throw invalidTask(`${field}.serverless`, 'must be true', serverless);
  }
  return {
    ...(availability === undefined ? {} : { availability }),
    ...(serverless === undefined ? {} : { serverless }),
    ...(zone === undefined ? {} : { zone: parseName(`${field}.zone`, zone) }),
    ...(nodeType === undefined ? {} : { nodeType: parseName(`${field}.nodeType`, nodeType) }),
  };
}

function parseName(field: string, value: JsonValue): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidTask(field, 'must be text', value);
}

/** A submit body with other compute; all else stays. @throws INVALID_TASK where the change does not fit the body. */
export function changeCompute(body: JsonObject, change: ComputeChange, field: string): JsonObject {
  const changed = mapClusters(body, (cluster) => changeCluster(cluster, change, field));
  return change.serverless === true ? toServerless(changed, field) : changed;
}

/** Does any cluster of a run or body ask for spot instances? */
export function usesSpot(body: JsonObject): boolean {
  const found: boolean[] = [];
  mapClusters(body, (cluster) => {
    found.push(availabilitiesOf(cluster).some((word) => ON_DEMAND_OF[word] !== undefined));
    return cluster;
  });
  return found.includes(true);
}

function availabilitiesOf(cluster: JsonObject): string[] {
  return ATTRIBUTES.flatMap((key) => textAt(objectAt(cluster, key), 'availability') ?? []);
}

/** Where clusters stand: at the top of a legacy body, in tasks, in the tasks of a for-each, in job clusters. */
function mapClusters(body: JsonObject, change: (cluster: JsonObject) => JsonObject): JsonObject {
  const visit = (value: JsonValue): JsonValue => {
    if (isJsonArray(value)) return value.map(visit);
    return isJsonObject(value) ? mapClusters(value, change) : value;
  };
  const entries = Object.entries(body).map(([key, value]): [string, JsonValue] => {
    if (key === 'new_cluster' && isJsonObject(value)) return [key, change(value)];
    return [key, CLUSTER_HOLDERS.has(key) ? visit(value) : value];
  });
  return Object.fromEntries(entries);
}

const CLUSTER_HOLDERS: ReadonlySet<string> = new Set(['tasks', 'job_clusters', 'for_each_task', 'task']);

function changeCluster(cluster: JsonObject, change: ComputeChange, field: string): JsonObject {
  const { availability, zone, nodeType } = change;
  const onDemand = availability === undefined ? cluster : withoutSpot(cluster);
  const zoned = zone === undefined ? onDemand : inZone(onDemand, zone, field);
  return nodeType === undefined ? zoned : withNodeType(zoned, nodeType);
}

function withoutSpot(cluster: JsonObject): JsonObject {
  const changed = ATTRIBUTES.flatMap((key) => {
    const attributes = objectAt(cluster, key);
    const instead = ON_DEMAND_OF[textAt(attributes, 'availability') ?? ''];
    return instead === undefined ? [] : [[key, { ...attributes, availability: instead }] as const];
  });
  return { ...cluster, ...Object.fromEntries(changed) };
}

function inZone(cluster: JsonObject, zone: string, field: string): JsonObject {
  if (cluster['azure_attributes'] !== undefined) {
    throw invalidTask(`${field}.zone`, 'cannot be chosen on Azure: say nodeType or on-demand', zone);
  }
  const key = cluster['gcp_attributes'] === undefined ? 'aws_attributes' : 'gcp_attributes';
  return { ...cluster, [key]: { ...objectAt(cluster, key), zone_id: zone } };
}

/** A driver of its own kind stays; one like the workers changes with them. */
function withNodeType(cluster: JsonObject, nodeType: string): JsonObject {
  const isSame = cluster['driver_node_type_id'] === cluster['node_type_id'];
  const driver =
    isSame && cluster['driver_node_type_id'] !== undefined ? { driver_node_type_id: nodeType } : {};
  return { ...cluster, node_type_id: nodeType, ...driver };
}

const NEEDS_ENVIRONMENT = ['spark_python_task', 'python_wheel_task', 'dbt_task'] as const;
const NEEDS_CLUSTER = ['spark_jar_task', 'spark_submit_task'] as const;
/** Source: docs.databricks.com, serverless compute for jobs. */
const ENVIRONMENT_KEY = 'default';

function toServerless(body: JsonObject, field: string): JsonObject {
  if (!isJsonArray(body['tasks'])) throw invalidTask(field, 'serverless needs a body with tasks');
  const tasks = objectsAt(body, 'tasks');
  const bound = tasks.find((task) => NEEDS_CLUSTER.some((type) => task[type] !== undefined));
  if (bound !== undefined) {
    throw invalidTask(
      field,
      `serverless does not run task ${textAt(bound, 'task_key') ?? ''}, which needs a cluster`,
    );
  }
  const dependencies = [...new Set(tasks.flatMap((task) => dependenciesOf(task, field)))];
  const isDefined = objectsAt(body, 'environments').some(
    (entry) => entry['environment_key'] === ENVIRONMENT_KEY,
  );
  const environment = {
    environment_key: ENVIRONMENT_KEY,
    spec: { client: '1', ...(dependencies.length === 0 ? {} : { dependencies }) },
  };
  return {
    ...body,
    tasks: tasks.map(toServerlessTask),
    environments: [...objectsAt(body, 'environments'), ...(isDefined ? [] : [environment])],
  };
}

function toServerlessTask(task: JsonObject): JsonObject {
  const {
    new_cluster: _cluster,
    existing_cluster_id: _existing,
    job_cluster_key: _shared,
    libraries: _libraries,
    ...kept
  } = task;
  const needsEnvironment = NEEDS_ENVIRONMENT.some((type) => task[type] !== undefined);
  return needsEnvironment ? { environment_key: ENVIRONMENT_KEY, ...kept } : kept;
}

/** Libraries of a cluster, as serverless environments take them. */
function dependenciesOf(task: JsonObject, field: string): string[] {
  return objectsAt(task, 'libraries').map((library) => {
    const dependency = textAt(objectAt(library, 'pypi'), 'package') ?? textAt(library, 'whl');
    if (dependency !== undefined) return dependency;
    throw invalidTask(field, 'serverless takes only libraries from PyPI and wheels', library);
  });
}

/** In words: what differs from what the body says. */
export function describeComputeChange({ availability, serverless, zone, nodeType }: ComputeChange): string {
  const parts = [
    availability === undefined ? '' : 'on demand instead of spot',
    serverless === undefined ? '' : 'on serverless compute',
    zone === undefined ? '' : `in zone ${zone}`,
    nodeType === undefined ? '' : `on nodes of type ${nodeType}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
