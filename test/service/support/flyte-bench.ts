import { join } from 'node:path';

import { createSealing } from '../../../src/config/sealing';
import type { Workspace } from '../../../src/connectors/databricks';
import { openWorkspaceBench } from '../../durability/support/workspace-bench';
import type { WorkspaceBenchOptions, WorkspaceBench } from '../../durability/support/workspace-bench';
import { runTypeScriptChild, type TypeScriptChild } from '../../support/run-typescript-child';
import type { ServiceChildConfig } from '../children/service-child';
import type { FlyteClient, FlytePython } from './flyte-python';
import type { FlyteCreate } from './flyte-requests';

const SEALING_KEY = Buffer.alloc(32, 5).toString('base64');

/** The whole chain: Flyte's stubs, a service in a process of its own, Temporal, workers, the simulated workspace. */
export interface FlyteBench extends WorkspaceBench {
  /** The host that templates must name to reach the simulated workspace. */
  readonly instance: string;
  /** A service, ready to take calls; `port` 0 takes a free one. */
  spawnService(port?: number): Promise<ServiceProcess>;
  /** A template of a fixture, sent to the simulated workspace. */
  task(template: string, more?: FlyteCreate): FlyteCreate;
}

export interface ServiceProcess extends TypeScriptChild {
  readonly flyte: FlyteClient;
  readonly port: number;
}

export interface FlyteBenchOptions extends WorkspaceBenchOptions {
  /** Default true: the service has a key for secrets. */
  readonly sealed?: boolean;
}

export async function openFlyteBench(
  python: FlytePython,
  options: FlyteBenchOptions = {},
): Promise<FlyteBench> {
  const sealing = createSealing([{ id: 'k1', key: Buffer.from(SEALING_KEY, 'base64') }]);
  const bench = await openWorkspaceBench({ sealing, ...options });
  const instance = new URL(bench.simulator.url).host;
  const services: TypeScriptChild[] = [];
  const config = configOf(bench, options.sealed ?? true);
  return {
    ...bench,
    instance,
    spawnService: async (port = 0) => {
      const child = runTypeScriptChild(join(__dirname, '../children/service-child.ts'), {
        args: [JSON.stringify({ ...config, port })],
      });
      services.push(child);
      const bound = Number((await child.line((line) => line.startsWith('serving '))).split(' ')[1]);
      return { ...child, port: bound, flyte: python.at(`127.0.0.1:${bound}`) };
    },
    task: (template, more = {}) => ({
      template,
      ...more,
      custom: { databricksInstance: instance, ...more.custom },
    }),
    close: async () => {
      for (const service of services) service.kill();
      await bench.close();
    },
  };
}

function configOf(bench: WorkspaceBench, sealed: boolean): Omit<ServiceChildConfig, 'port'> {
  const { temporalAddress, workflowTaskQueue, taskQueues, workspace } = bench;
  const workspaces: Workspace[] = [workspace];
  return {
    ...{ temporalAddress, workflowTaskQueue, taskQueues, workspaces },
    ...(sealed ? { sealingKey: SEALING_KEY } : {}),
  };
}
