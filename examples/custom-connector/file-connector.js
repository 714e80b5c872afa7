'use strict';
const { stat } = require('node:fs/promises');
const { TextDecoder, TextEncoder } = require('node:util');
const { invalidTask, isJsonObject } = require('longhaul');

/**
 * A connector on one page: its job is the arrival of a file. Nothing runs anywhere, so there is little to start and
 * nothing to stop; all else is what every connector has.
 *
 * @typedef {import('longhaul').AsyncConnector} AsyncConnector
 * @typedef {import('longhaul').Observation} Observation
 */

/** The job's identity: small, JSON, no secrets, with a version for the next release. */
const metadataType = {
  /** @param {unknown} value */
  parse(value) {
    if (isJsonObject(value) && typeof value['path'] === 'string') return { version: 1, path: value['path'] };
    throw invalidTask('meta.path', 'must be text', value);
  },
  /** @param {object} meta */
  encode: (meta) => new TextEncoder().encode(JSON.stringify(meta)),
  /** @param {Uint8Array} bytes */
  decode: (bytes) => metadataType.parse(JSON.parse(new TextDecoder().decode(bytes))),
  /** @param {{ path: string }} meta */
  externalId: (meta) => meta.path,
};

/** Reads the task's own part; what it refuses is refused before anything is started. */
function parseFileTask({ custom }) {
  const { path } = custom;
  if (typeof path === 'string' && path.startsWith('/')) return { version: 1, path };
  throw invalidTask('custom.path', 'must be an absolute path', path);
}

/** @returns {Promise<Observation>} what is seen now, and what the workflow does next */
async function observe(meta) {
  const bytes = await sizeOf(meta.path);
  if (bytes === undefined) {
    const resource = { phase: 'RUNNING', message: `waiting for ${meta.path}` };
    return { meta, resource, next: { kind: 'poll' } };
  }
  const resource = { phase: 'SUCCEEDED', message: `${meta.path} has arrived`, outputs: { bytes } };
  return { meta, resource, next: { kind: 'done', verdict: { kind: 'succeeded' } } };
}

/** Whatever else `stat` throws is trouble, which Longhaul shows and waits out. */
async function sizeOf(path) {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @type {AsyncConnector} */
const fileConnector = {
  name: 'File arrival',
  taskCategory: { name: 'file_arrival', version: 0 },
  metadataType,
  // `token`: the same request gives the same job, as it starts none.
  capabilities: { logs: false, metrics: false, repair: false, synchronous: false, fence: 'token' },
  taskQueues: { polls: 'files', control: 'files:control' },
  parseTask: (template) => void parseFileTask(template),
  create: (request) => observe(parseFileTask(request.template)),
  get: (meta) => observe(meta),
  async delete(target) {
    const meta = target.kind === 'meta' ? target.meta : parseFileTask(target.request.template);
    return { kind: 'stopped', meta, resource: { phase: 'ABORTED', message: 'no longer waited for' } };
  },
};

module.exports = { fileConnector };
