import { defaultPayloadConverter, type Payload } from '@temporalio/common';

import { isJsonObject, type JsonObject } from '../connector/json';

type Payloads = { readonly payloads?: Payload[] | null } | null | undefined;

/** What was given to, or answered by, a step of a history; undefined for none. */
export function firstPayload(given: Payloads): unknown {
  const payload = given?.payloads?.[0];
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

/** The same as an object; empty for anything else. */
export function firstObject(given: Payloads): JsonObject {
  const value = firstPayload(given);
  return isJsonObject(value) ? value : {};
}
