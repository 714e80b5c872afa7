import { EventEmitter, once } from 'node:events';

import { LonghaulError } from '../connector/errors';
import { serve, type ServedService } from './definition';
import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './generated/health/v1/health_pb';
import type { RpcCall } from './handlers';

/** The name under which Temporal's own reachability is shown. */
const TEMPORAL = 'temporal';

/**
 * A Watch lasts as long as its caller likes; a caller that names no deadline is asked to come again once a day.
 * Source: health.proto, "clients should retry".
 */
export const WATCH_TIMEOUT_MS = 24 * 60 * 60 * 1000;

/** The standard health service, `grpc.health.v1.Health`. */
export interface Health {
  readonly service: ServedService;
  /**
   * The services stay SERVING while Temporal is away: they answer from memory, and a caller that sees them gone would
   * fail healthy jobs. Only the name `temporal` follows; it is UNKNOWN before the first word.
   */
  setTemporal(reachable: boolean): void;
  /** Everything NOT_SERVING, for good. */
  drain(): void;
  /** Ends every open Watch after it has told the last status, so that none of them holds up a shutdown. */
  close(): void;
}

/** Everything named in `serviceNames`, and the whole (""), is SERVING until {@link Health.drain}. */
export function createHealth(serviceNames: Iterable<string>): Health {
  const board = createBoard(serviceNames);
  const service = serve(HealthService, {
    check: async ({ service }) => ({ status: known(board, service) }),
    watch: ({ service }, call) => watch(board, service, call),
    list: async () => {
      const entries = [...board.statuses].map(([name, status]) => [name, { status }] as const);
      return { statuses: Object.fromEntries(entries) };
    },
  });
  return {
    service,
    setTemporal: (reachable) => {
      if (board.draining) return;
      board.set([TEMPORAL], reachable ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    },
    drain: () => {
      board.draining = true;
      board.set([...board.statuses.keys()], ServingStatus.NOT_SERVING);
    },
    close: () => {
      board.closed = true;
      board.changes.emit('change');
    },
  };
}

interface Board {
  readonly statuses: Map<string, ServingStatus>;
  readonly changes: EventEmitter;
  draining: boolean;
  closed: boolean;
  set(names: readonly string[], status: ServingStatus): void;
}

function createBoard(serviceNames: Iterable<string>): Board {
  const serving = ['', ...serviceNames].map((name) => [name, ServingStatus.SERVING] as const);
  const statuses = new Map<string, ServingStatus>([...serving, [TEMPORAL, ServingStatus.UNKNOWN]]);
  const changes = new EventEmitter().setMaxListeners(0); // one for each open Watch
  const set: Board['set'] = (names, status) => {
    for (const name of names) statuses.set(name, status);
    changes.emit('change');
  };
  return { statuses, changes, draining: false, closed: false, set };
}

/** @throws NOT_FOUND. */
function known({ statuses }: Board, name: string): ServingStatus {
  const status = statuses.get(name);
  if (status === undefined) throw new LonghaulError('NOT_FOUND', `There is no service ${name} here.`);
  return status;
}

async function* watch(board: Board, name: string, call: RpcCall): AsyncGenerator<{ status: ServingStatus }> {
  let told: ServingStatus | undefined;
  while (!call.signal.aborted) {
    const status = board.statuses.get(name) ?? ServingStatus.SERVICE_UNKNOWN;
    if (status !== told) {
      told = status;
      yield { status };
    } else if (board.closed) {
      return;
    } else {
      await once(board.changes, 'change', { signal: call.signal });
    }
  }
}
