import { request } from 'undici';

import { waitFor } from '../../../src/temporal/wait';
import { START_LIMIT_MS } from '../places';

/** The few calls of Airflow's REST API that the bench needs. */
export interface AirflowApi {
  untilServing(): Promise<void>;
  knowsDag(dagId: string): Promise<boolean>;
  /** Gives the id of the run. */
  trigger(dagId: string): Promise<string>;
  run(dagId: string, runId: string): Promise<DagRun>;
  /** State of each task instance. */
  taskStates(dagId: string, runId: string): Promise<readonly (string | null)[]>;
}

export interface DagRun {
  readonly state: string;
  readonly end_date: string | null;
}

interface TaskInstances {
  readonly task_instances: readonly { readonly state: string | null }[];
}

type Call = <T>(path: string, body?: unknown) => Promise<T | undefined>;

const PAGE = 100;

export function createApi(url: string): AirflowApi {
  const call = createCall(url);
  return {
    untilServing: async () => {
      const look = (): Promise<unknown> => call('/version').catch(() => undefined);
      await waitFor(look, { what: "Airflow's API", limitMs: START_LIMIT_MS, intervalMs: 500 });
    },
    knowsDag: async (dagId) => (await call(`/dags/${dagId}`)) !== undefined,
    trigger: async (dagId) => {
      const run = await call<{ dag_run_id: string }>(`/dags/${dagId}/dagRuns`, { logical_date: null });
      return run?.dag_run_id ?? '';
    },
    run: async (dagId, runId) =>
      (await call<DagRun>(`/dags/${dagId}/dagRuns/${runId}`)) ?? { state: 'unknown', end_date: null },
    taskStates: (dagId, runId) => listStates(call, `/dags/${dagId}/dagRuns/${runId}/taskInstances`),
  };
}

async function listStates(call: Call, path: string): Promise<(string | null)[]> {
  const states: (string | null)[] = [];
  for (;;) {
    const page = await call<TaskInstances>(`${path}?limit=${PAGE}&offset=${states.length}`);
    const more = page?.task_instances.map(({ state }) => state) ?? [];
    states.push(...more);
    if (more.length < PAGE) return states;
  }
}

/** With the token that everybody gets where all are administrators. Anything but success gives undefined. */
function createCall(url: string): Call {
  let token: string | undefined;
  const readToken = async (): Promise<string> => {
    const answer = await request(`${url}/auth/token`);
    const { access_token } = (await answer.body.json()) as { access_token: string };
    return access_token;
  };
  return async <T>(path: string, body?: unknown) => {
    token ??= await readToken();
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const post = body === undefined ? {} : ({ method: 'POST', body: JSON.stringify(body) } as const);
    const answer = await request(`${url}/api/v2${path}`, { headers, ...post });
    if (answer.statusCode < 300) return (await answer.body.json()) as T;
    await answer.body.dump();
    return undefined;
  };
}
