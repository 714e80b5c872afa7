import { setTimeout as sleep } from 'node:timers/promises';

import * as grpc from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';

import { LonghaulError } from '../../src/connector/errors';
import { callRaw, createRequest, type LoadTarget } from './calls';
import type { Watched } from './load';
import { createWireV1, createWireV2, type Wire } from './requests';
import type { ServingProcess } from './servers';
import type { ServiceStage } from './service-stage';

/** Jobs that GetTask asks for in turn: an engine never asks twice at once for the same. */
const JOBS = 64;
/** Theirs keep nothing of a job, and the simulated workspace is the slower the more runs are open. */
const THEIR_JOBS = 16;
const CREATES_AT_ONCE = 8;
const RUNNING = 2;
const RUNNING_LIMIT_MS = 60_000;

/** One that is measured: what to call of it, and whose processes serve it. */
export interface Contestant {
  readonly name: string;
  readonly get: LoadTarget;
  readonly create: LoadTarget;
  readonly watched: Watched;
}

/** Both APIs of ours beside the service of each of theirs, and Temporal alone as the floor of ours. */
export async function createContestants(stage: ServiceStage): Promise<Contestant[]> {
  const { workspace, longhaul, flytekit, flyte2, temporal, simulator } = stage;
  const [v1, v2] = [createWireV1(workspace), createWireV2(workspace)];
  const ours = { servingPid: longhaul.pid, behindPid: temporal.pid };
  const theirs = ({ pid }: ServingProcess): Watched => ({ servingPid: pid, behindPid: simulator.pid });
  const services: Contestant[] = [
    { name: 'Longhaul, Flyte 1', watched: ours, ...(await createTargets(longhaul, v1, JOBS)) },
    {
      name: 'flytekit 1.16.31',
      watched: theirs(flytekit),
      ...(await createTargets(flytekit, v1, THEIR_JOBS)),
    },
    { name: 'Longhaul, Flyte 2', watched: ours, ...(await createTargets(longhaul, v2, JOBS)) },
    { name: 'flyte 2.12.1', watched: theirs(flyte2), ...(await createTargets(flyte2, v2, THEIR_JOBS)) },
  ];
  return [await createFloor(temporal, v1), ...services];
}

async function createTargets(
  server: ServingProcess,
  wire: Wire,
  jobs: number,
): Promise<Pick<Contestant, 'get' | 'create'>> {
  const { address } = server;
  const path = (method: string): string => `/${wire.service}/${method}`;
  const create = Buffer.from(wire.create).toString('base64');
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const gets: string[] = [];
  const createSome = async (): Promise<void> => {
    for (let count = 0; count < jobs / CREATES_AT_ONCE; count += 1) {
      const get = Buffer.from(wire.get(await callRaw(client, path('CreateTask'), createRequest(create)())));
      await untilRunning(async () => wire.phaseOf(await callRaw(client, path('GetTask'), get)));
      gets.push(get.toString('base64'));
    }
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, createSome));
  client.close();
  return {
    get: { kind: 'grpc', address, path: path('GetTask'), requests: gets },
    create: { kind: 'grpc', address, path: path('CreateTask'), requests: [create] },
  };
}

async function untilRunning(ask: () => Promise<number>): Promise<void> {
  const until = Date.now() + RUNNING_LIMIT_MS;
  for (let phase = await ask(); phase !== RUNNING; phase = await ask()) {
    if (Date.now() > until) throw new LonghaulError('UNAVAILABLE', `A job stays in phase ${phase}.`);
    await sleep(50);
  }
}

/** Describes of the tasks that GetTask asks for, and starts of a workflow with as large an input. */
async function createFloor({ pid, address }: ServiceStage['temporal'], wire: Wire): Promise<Contestant> {
  const connection = await Connection.connect({ address });
  const workflowIds: string[] = [];
  for await (const { workflowId } of new Client({ connection }).workflow.list()) workflowIds.push(workflowId);
  await connection.close();
  const input = Buffer.from(wire.create).toString('base64');
  return {
    name: 'Temporal alone',
    watched: { behindPid: pid },
    get: { kind: 'describe', address, workflowIds },
    create: { kind: 'start', address, input },
  };
}
