import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { create, fromBinary, fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';

import { isJsonObject, type JsonObject } from '../../src/connector';
import * as v1 from '../../src/service/generated/flyteidl/admin/agent_pb';
import * as v2 from '../../src/service/generated/flyteidl2/connector/connector_pb';
import { PLACEHOLDER } from './placeholder';

const FIXTURES = join(__dirname, '../../test/fixtures/flyte');

/** One of Flyte's APIs as raw bytes: made once, not by the load generator. */
export interface Wire {
  readonly service: string;
  /** A CreateTask whose execution is named by the placeholder. */
  readonly create: Uint8Array;
  /** A GetTask for what a CreateTask answered. */
  get(createReply: Uint8Array): Uint8Array;
  /** The phase in a reply to GetTask. */
  phaseOf(getReply: Uint8Array): number;
}

export interface Workspace {
  /** Host and port without a scheme, as `databricksInstance` is. */
  readonly instance: string;
  readonly token: string;
}

/** What Flyte 1's engine sent for a Databricks task, with another execution's name and workspace. */
export function createWireV1({ instance }: Workspace): Wire {
  const text = readFileSync(join(FIXTURES, 'request-v1-create.json'), 'utf8');
  const request = parseObject(text.replaceAll('hoe3bf1a8be61', PLACEHOLDER));
  const template = withInstance(objectAt(request, 'template'), instance);
  const category = { name: 'databricks', version: 0 };
  return {
    service: 'flyteidl.service.AsyncAgentService',
    create: toBinary(
      v1.CreateTaskRequestSchema,
      fromJson(v1.CreateTaskRequestSchema, toJson({ ...request, template })),
    ),
    get: (reply) => {
      const { resourceMeta } = fromBinary(v1.CreateTaskResponseSchema, reply);
      const get = { resourceMeta, taskType: 'databricks', taskCategory: category };
      return toBinary(v1.GetTaskRequestSchema, create(v1.GetTaskRequestSchema, get));
    },
    phaseOf: (reply) => fromBinary(v1.GetTaskResponseSchema, reply).resource?.phase ?? 0,
  };
}

/** As Flyte 2's executor fills a request, with the token in every call. */
export function createWireV2({ instance, token }: Workspace): Wire {
  const connection = { secrets: { databricks_token: token } };
  const request = fromJson(v2.CreateTaskRequestSchema, toJson({ ...requestV2(instance), connection }));
  return {
    service: 'flyteidl2.connector.AsyncConnectorService',
    create: toBinary(v2.CreateTaskRequestSchema, request),
    get: (reply) => {
      const { resourceMeta } = fromBinary(v2.CreateTaskResponseSchema, reply);
      const get = { resourceMeta, connection, taskCategory: { name: 'databricks', version: 0 } };
      return toBinary(v2.GetTaskRequestSchema, create(v2.GetTaskRequestSchema, get));
    },
    phaseOf: (reply) => fromBinary(v2.GetTaskResponseSchema, reply).resource?.phase ?? 0,
  };
}

function requestV2(instance: string): JsonObject {
  const place = { org: 'org', project: 'flytesnacks', domain: 'development' };
  const template = readFileSync(join(FIXTURES, 'template-v2-databricks-new-cluster.json'), 'utf8');
  return {
    template: withInstance(parseObject(template), instance),
    outputPrefix: `s3://example/metadata/${PLACEHOLDER}/a0/1`,
    inputs: {
      literals: [
        { name: 'n', value: { scalar: { primitive: { integer: '1' } } } },
        { name: 'who', value: { scalar: { primitive: { stringValue: 'x' } } } },
      ],
    },
    taskExecutionMetadata: {
      namespace: 'flytesnacks-development',
      taskExecutionId: {
        taskId: { ...place, resourceType: 'TASK', name: 'dbx_new.job', version: 'v1' },
        nodeExecutionId: { nodeId: 'a0', executionId: { ...place, name: PLACEHOLDER } },
      },
    },
  };
}

function withInstance(template: JsonObject, instance: string): JsonObject {
  return { ...template, custom: { ...objectAt(template, 'custom'), databricksInstance: instance } };
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

function parseObject(text: string): JsonObject {
  const parsed: unknown = JSON.parse(text);
  return isJsonObject(parsed) ? parsed : {};
}

/** The library's JSON type is writable; ours is not. */
function toJson(object: JsonObject): JsonValue {
  return object as unknown as JsonValue;
}
