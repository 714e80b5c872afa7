import { invalidTask } from './errors';
import { isJsonObject, type JsonObject, type JsonValue } from './json';

/** Flyte's task category: the name by which a connector is found. */
export interface TaskCategory {
  readonly name: string;
  readonly version: number;
}

/** The part of Flyte's container that connectors use. */
export interface TaskContainer {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What to run: Flyte's `core.TaskTemplate`, reduced to what connectors read. */
export interface TaskTemplate {
  readonly type: string;
  /** Flyte's `task_type_version`. */
  readonly version: number;
  /** Shown to people; no identity. */
  readonly name?: string;
  /** The connector's own part; its shape belongs to the connector's `parseTask`. */
  readonly custom: JsonObject;
  readonly container?: TaskContainer;
}

/** Who asks, in Flyte's words (`TaskExecutionMetadata`); all optional outside Flyte. */
export interface TaskExecutionMetadata {
  readonly project?: string;
  readonly domain?: string;
  readonly org?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Reads a template of unknown shape. @throws INVALID_TASK naming field, reason and value. */
export function parseTaskTemplate(value: unknown): TaskTemplate {
  if (!isJsonObject(value)) throw invalidTask('task', 'must be an object', value);
  const { type, version = 0, name, custom = {}, container } = value;
  if (typeof type !== 'string' || type === '') throw invalidTask('type', 'must name a task type', type);
  if (typeof version !== 'number' || !Number.isInteger(version)) {
    throw invalidTask('version', 'must be an integer', version);
  }
  if (name !== undefined && typeof name !== 'string') throw invalidTask('name', 'must be text', name);
  if (!isJsonObject(custom)) throw invalidTask('custom', 'must be an object', custom);
  return {
    type,
    version,
    custom,
    ...(name === undefined ? {} : { name }),
    ...(container === undefined ? {} : { container: parseContainer(container) }),
  };
}

function parseContainer(value: JsonValue): TaskContainer {
  if (!isJsonObject(value)) throw invalidTask('container', 'must be an object', value);
  const { image = '', args = [], env = {} } = value;
  if (typeof image !== 'string') throw invalidTask('container.image', 'must be text', image);
  if (!isTextArray(args)) throw invalidTask('container.args', 'must be a list of texts', args);
  return { image, args, env: parseEnvironment(env) };
}

function isTextArray(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Flyte writes the environment as a list of `{key, value}`; ours is a map. Both are read. */
function parseEnvironment(value: JsonValue): Record<string, string> {
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? value.filter(isJsonObject).map((pair) => [pair['key'], pair['value'] ?? ''] as const)
    : Object.entries(isJsonObject(value) ? value : {});
  const environment: Record<string, string> = {};
  for (const [key, text] of pairs) {
    if (typeof key !== 'string' || typeof text !== 'string') {
      throw invalidTask('container.env', 'must hold texts only', value);
    }
    environment[key] = text;
  }
  return environment;
}
