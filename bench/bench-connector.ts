import { setTimeout as sleep } from 'node:timers/promises';

import type {
  AsyncConnector,
  CreateRequest,
  DeleteOutcome,
  JsonObject,
  Observation,
  ResourceMeta,
} from '../src/connector';

/** How long the pretended HTTP call of one look takes. */
const CALL_MS = 50;

export const BENCH_TYPE = 'bench';

/** Looks counted over the life of the process; both designs share the counter and the cost of a look. */
export const counts = { polls: 0 };

/**
 * A job that needs no external system: its phase follows from its meta and the number of looks, so that a measured
 * second is spent on Temporal and on us. `looks` per phase; 0 means it stays RUNNING for ever.
 */
export function createBenchConnector(): AsyncConnector {
  return {
    name: 'Bench',
    taskCategory: { name: BENCH_TYPE, version: 0 },
    taskQueues: { polls: BENCH_TYPE, control: `${BENCH_TYPE}:control` },
    capabilities: { logs: false, metrics: false, repair: false, synchronous: false, fence: 'token' },
    metadataType: {
      parse: (value) => value as ResourceMeta,
      encode: (meta) => new TextEncoder().encode(JSON.stringify(meta)),
      decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as ResourceMeta,
      externalId: idOf,
    },
    parseTask: () => undefined,
    create: (request, call) => {
      call.announceSubmit();
      return Promise.resolve(observe(createJob(request), 'QUEUED'));
    },
    get: async (meta) => observe(meta, await lookAt(meta)),
    delete: (target): Promise<DeleteOutcome> =>
      Promise.resolve(
        target.kind === 'meta'
          ? { kind: 'stopped', meta: target.meta, resource: { phase: 'ABORTED' } }
          : { kind: 'nothing', message: 'never started' },
      ),
  };
}

const looks = new Map<string, number>();
const PHASES = ['QUEUED', 'INITIALIZING', 'RUNNING', 'SUCCEEDED'] as const;
type BenchPhase = (typeof PHASES)[number];

function createJob({ idempotencyToken, template }: CreateRequest): JsonObject {
  return { jobId: idempotencyToken, looksPerPhase: template.custom['looksPerPhase'] ?? 0 };
}

export async function lookAt(meta: ResourceMeta): Promise<BenchPhase> {
  counts.polls += 1;
  await sleep(CALL_MS);
  const perPhase = Number(meta['looksPerPhase']);
  if (perPhase === 0) return 'RUNNING';
  const id = idOf(meta);
  const seen = (looks.get(id) ?? 0) + 1;
  looks.set(id, seen);
  return PHASES[Math.min(PHASES.length - 1, Math.floor(seen / perPhase))] ?? 'SUCCEEDED';
}

function idOf({ jobId }: ResourceMeta): string {
  return typeof jobId === 'string' ? jobId : '';
}

function observe(meta: ResourceMeta, phase: BenchPhase): Observation {
  const next =
    phase === 'SUCCEEDED'
      ? ({ kind: 'done', verdict: { kind: 'succeeded' } } as const)
      : ({ kind: 'poll' } as const);
  return { meta, resource: { phase }, next };
}
