import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/connector';
import { objectAt } from './flyte-requests';

/** One answer of GetTask. */
export interface FlyteLook {
  /** Such as `RUNNING`; `UNDEFINED` when the service set none. */
  readonly phase: string;
  readonly message: string;
  readonly logLinks: readonly { readonly name: string; readonly uri: string }[];
  /** Absent when the service left them unset, which is not the same as empty. */
  readonly outputs?: JsonValue;
  readonly customInfo?: JsonValue;
}

export interface FlyteAgent {
  readonly name: string;
  readonly categories: readonly { readonly name: string; readonly version: number }[];
  /** Flyte 1's deprecated list, which its engine still reads first. */
  readonly taskTypes: readonly string[];
}

export interface LogPage {
  readonly token?: string;
  readonly lines: readonly JsonValue[];
  /** The deprecated plain texts. */
  readonly results: readonly JsonValue[];
}

export function toLook(reply: JsonObject | undefined): FlyteLook {
  const resource = objectAt(reply ?? {}, 'resource');
  const { outputs, customInfo } = resource;
  return {
    phase: textAt(resource, 'phase', 'UNDEFINED'),
    message: textAt(resource, 'message'),
    logLinks: objectsAt(resource, 'logLinks').map((link) => ({
      name: textAt(link, 'name'),
      uri: textAt(link, 'uri'),
    })),
    ...(outputs === undefined ? {} : { outputs }),
    ...(customInfo === undefined ? {} : { customInfo }),
  };
}

export function toAgent(agent: JsonObject): FlyteAgent {
  return {
    name: textAt(agent, 'name'),
    categories: objectsAt(agent, 'supportedTaskCategories').map((category) => ({
      name: textAt(category, 'name'),
      version: Number(category['version'] ?? 0),
    })),
    taskTypes: listAt(agent, 'supportedTaskTypes').map(String),
  };
}

export function toLogPage(messages: readonly JsonObject[]): LogPage {
  const bodies = messages.map((message) => objectAt(message, 'body'));
  const tokens = messages.map((message) => textAt(objectAt(message, 'header'), 'token'));
  const token = tokens.find((text) => text !== '');
  return {
    lines: bodies.flatMap((body) => [...listAt(body, 'structuredLines'), ...listAt(body, 'lines')]),
    results: bodies.flatMap((body) => listAt(body, 'results')),
    ...(token === undefined ? {} : { token }),
  };
}

export function textAt(object: JsonObject | undefined, key: string, absent = ''): string {
  const value = object?.[key];
  return typeof value === 'string' ? value : absent;
}

export function listAt(object: JsonObject | undefined, key: string): readonly JsonValue[] {
  const value = object?.[key];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

export function objectsAt(object: JsonObject | undefined, key: string): JsonObject[] {
  return listAt(object, key).filter(isJsonObject);
}
