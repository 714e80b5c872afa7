import { LonghaulError, type JsonObject } from '../../../src/connector';
import type { AirflowBench } from './airflow-bench';

/** How a task was refused: at the door, before anything was started, or by the worker. */
export interface Refusal {
  readonly by: 'door' | 'worker';
  readonly code: string | undefined;
  readonly message: string;
}

/** Starts the task as people do; @throws when nobody refuses it. */
export async function refusalOf(bench: AirflowBench, spec: JsonObject): Promise<Refusal> {
  try {
    return await workerRefusal(bench, await bench.begin({ spec }));
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
    return { by: 'door', code: error.code, message: error.message };
  }
}

/** Starts the task past the door: the worker must refuse it all the same. */
export async function refusalPastTheDoor(bench: AirflowBench, spec: JsonObject): Promise<Refusal> {
  return workerRefusal(bench, await bench.bypass({ spec }));
}

async function workerRefusal(bench: AirflowBench, id: string): Promise<Refusal> {
  const { status } = await bench.tasks.wait(id);
  if (status.state !== 'FAILED') {
    throw new Error(`nobody refused it: ${status.state} ${status.message ?? ''}`);
  }
  return { by: 'worker', code: status.code, message: status.message ?? '' };
}
