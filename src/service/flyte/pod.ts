import { invalidTask } from '../../connector/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '../../connector/json';
import type { TaskContainer } from '../../connector/task-template';
import type * as flyte1 from '../generated/flyteidl/core/tasks_pb';
import type * as flyte2 from '../generated/flyteidl2/core/tasks_pb';

type Pod = flyte1.K8sPod | flyte2.K8sPod;

const FIELD = 'template.k8s_pod.pod_spec.containers';
/** flytekit's key in the template's `config`; older versions write it as an annotation of the pod. */
const PRIMARY_CONTAINER = 'primary_container_name';

/**
 * The primary container of a pod: the one the pod, the template's config or an annotation names, else the first.
 * Variables without a plain value (`valueFrom`) exist in the cluster only and are left out.
 * @throws INVALID_TASK when the pod has no such container, or one that is not Kubernetes' shape.
 */
export function fromPod(pod: Pod, config: Readonly<Record<string, string>>): TaskContainer {
  const container = findPrimary(pod, primaryName(pod, config));
  const { image = '', args = [], env = [] } = container;
  if (typeof image !== 'string') throw invalidTask(`${FIELD}.image`, 'must be text', image);
  if (!isTextArray(args)) throw invalidTask(`${FIELD}.args`, 'must be a list of texts', args);
  if (!Array.isArray(env)) throw invalidTask(`${FIELD}.env`, 'must be a list', env);
  return { image, args, env: Object.fromEntries(env.flatMap(toVariable)) };
}

function primaryName(
  { primaryContainerName, metadata }: Pod,
  config: Readonly<Record<string, string>>,
): string {
  const annotation = metadata?.annotations[PRIMARY_CONTAINER] ?? '';
  return (
    [primaryContainerName, config[PRIMARY_CONTAINER] ?? '', annotation].find((name) => name !== '') ?? ''
  );
}

function findPrimary({ podSpec }: Pod, name: string): JsonObject {
  const { containers = [] }: JsonObject = podSpec ?? {};
  const known = Array.isArray(containers) ? containers.filter(isJsonObject) : [];
  const primary = name === '' ? known[0] : known.find((container) => container['name'] === name);
  if (primary !== undefined) return primary;
  throw name === '' ? invalidTask(FIELD, 'is empty') : invalidTask(FIELD, 'has no primary container', name);
}

function isTextArray(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function toVariable(variable: JsonValue): [string, string][] {
  if (!isJsonObject(variable)) return [];
  const { name, value } = variable;
  return typeof name === 'string' && typeof value === 'string' ? [[name, value]] : [];
}
