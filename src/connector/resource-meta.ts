import type { JsonObject } from './json';

/**
 * The external job's identity: enough to get or delete it later, no secrets.
 * It is JSON with a schema `version`, so that the next release can read it.
 */
export type ResourceMeta = JsonObject;

/**
 * How a connector reads and writes its resource meta.
 * `decode(encode(meta))` gives an equal meta; a version that is not understood is refused in words.
 */
export interface MetadataType<M extends ResourceMeta> {
  /** Reads JSON of unknown shape. @throws INVALID_TASK naming the field. */
  parse(value: unknown): M;
  /** Flyte's wire form: UTF-8 JSON bytes. */
  encode(meta: M): Uint8Array;
  /** @throws INVALID_TASK when the bytes are not such JSON. */
  decode(bytes: Uint8Array): M;
  /** The id by which people search (`ConnectorExternalId`). */
  externalId(meta: M): string;
}
