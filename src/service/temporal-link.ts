import { setTimeout as sleep } from 'node:timers/promises';

import { Client, Connection, type ClientInterceptors } from '@temporalio/client';

import type { TemporalSettings } from '../config/temporal-settings';
import { toSettings } from '../temporal/connection';
import { hasSearchAttributes } from '../temporal/search-attributes';

export interface TemporalLinkOptions {
  readonly settings: TemporalSettings | string;
  /** Told the first answer and each change after it. */
  readonly onChange: (reachable: boolean) => void;
  readonly interceptors?: ClientInterceptors;
}

/** The service's way to Temporal: there before Temporal is, and again after every outage. */
export interface TemporalLink {
  readonly client: Client;
  readonly namespace: string;
  /** False until the namespace was seen to have them. */
  readonly searchAttributes: boolean;
  readonly reachable: boolean;
  /** Settles after the first look, whatever it showed. */
  readonly looked: Promise<void>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 5_000;
const WORKFLOW_SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';

/** How long one request may hang; what is not listed may last, such as waiting for a result. */
const TIMEOUTS = [
  timeout('3s', 'grpc.health.v1.Health', 'Check'),
  timeout('3s', 'temporal.api.operatorservice.v1.OperatorService', 'ListSearchAttributes'),
  ...['DescribeWorkflowExecution', 'SignalWorkflowExecution', 'DescribeTaskQueue'].map((method) =>
    timeout('5s', WORKFLOW_SERVICE, method),
  ),
  ...['StartWorkflowExecution', 'SignalWithStartWorkflowExecution'].map((method) =>
    timeout('10s', WORKFLOW_SERVICE, method),
  ),
];

/** Source: gRPC's "Service Config in gRPC", method config. */
function timeout(limit: string, service: string, method: string): object {
  return { name: [{ service, method }], timeout: limit };
}

/** gRPC's own pauses grow to two minutes: too long for a service that stands between two others. */
const LONGEST_RECONNECT_PAUSE_MS = 3_000;

export function openTemporalLink(options: TemporalLinkOptions): TemporalLink {
  const { settings, onChange, interceptors = {} } = options;
  const { connection: connectionOptions, namespace } = toSettings(settings);
  const connection = Connection.lazy({
    ...connectionOptions,
    // Each call decides itself whether and how long it tries again: a late success would contradict an error answer.
    interceptors: [],
    channelArgs: {
      'grpc.max_reconnect_backoff_ms': LONGEST_RECONNECT_PAUSE_MS,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [], methodConfig: TIMEOUTS }),
    },
  });
  const ending = new AbortController();
  const state = { reachable: false, searchAttributes: false, told: false };
  const look = async (): Promise<void> => {
    const reachable = await isReachable(connection);
    if (reachable && !state.searchAttributes) {
      state.searchAttributes = await hasSearchAttributes(connection, namespace);
    }
    if (ending.signal.aborted || (state.told && reachable === state.reachable)) return;
    Object.assign(state, { reachable, told: true });
    onChange(reachable);
  };
  const looked = look();
  const watching = looked.then(() => watch(look, ending.signal));
  return {
    client: new Client({ connection, namespace, interceptors }),
    namespace,
    looked,
    get searchAttributes() {
      return state.searchAttributes;
    },
    get reachable() {
      return state.reachable;
    },
    close: async () => {
      ending.abort();
      await watching;
      await connection.close();
    },
  };
}

async function watch(look: () => Promise<void>, ending: AbortSignal): Promise<void> {
  const pause = (): Promise<boolean> =>
    sleep(LOOK_EVERY_MS, true, { signal: ending, ref: false }).catch(() => false);
  while (await pause()) await look();
}

async function isReachable(connection: Connection): Promise<boolean> {
  try {
    await connection.healthService.check({ service: WORKFLOW_SERVICE });
    return true;
  } catch {
    return false;
  }
}
