import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { request } from 'undici';

import { LonghaulError } from '../../src/connector/errors';

/** Calls that clients and workers have made to Temporal since it started, by operation: its own count. */
export type ServerCalls = Readonly<Record<string, number>>;

const METRICS_ADDRESS = /Temporal Metrics:\s+(\S+)/g;
const FRONTEND_CALLS = /^service_requests\{([^}]*service_name="frontend"[^}]*)\} (\S+)/gm;

const NO_METRICS = 'Temporal does not say where its metrics are.';

/** Of the dev server that writes its log into this folder. */
export async function readServerCalls(folder: string): Promise<ServerCalls> {
  const log = readFileSync(join(folder, 'temporal.log'), 'utf8');
  const address = [...log.matchAll(METRICS_ADDRESS)].at(-1)?.[1];
  if (address === undefined) throw new LonghaulError('CONFIG', NO_METRICS);
  const { body } = await request(address);
  const calls: Record<string, number> = {};
  for (const [, labels = '', count] of (await body.text()).matchAll(FRONTEND_CALLS)) {
    const operation = /operation="([^"]*)"/.exec(labels)?.[1] ?? '';
    calls[operation] = (calls[operation] ?? 0) + Number(count);
  }
  return calls;
}

/** How often an operation was called between two looks. */
export function callsBetween(before: ServerCalls, after: ServerCalls, operation: string): number {
  return (after[operation] ?? 0) - (before[operation] ?? 0);
}

export const HEARTBEAT = 'RecordActivityTaskHeartbeat';
