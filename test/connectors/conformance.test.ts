import { startSimulator } from '../../src/simulator';
import type { JsonObject } from '../../src/connector';
import { ScriptedConnector, runJob, succeedJob } from '../support/scripted-connector';
import { describeConnector, type ConnectorUnderTest } from './conformance';
import { connectorFor, notebookTask, submitRequest, TOKEN } from './databricks/support/calls';

function token(key: string): string {
  return `lh-conformance-${key.replaceAll(' ', '-')}`;
}

async function databricks(): Promise<ConnectorUnderTest> {
  const simulator = await startSimulator({ tokens: [TOKEN], speed: 50 });
  const connector = connectorFor({ host: simulator.url });
  simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 1e9 } });
  return {
    connector,
    request: (kind, key) => ({
      ...submitRequest({ run_name: kind, tasks: [notebookTask('a')] }),
      idempotencyToken: token(key),
    }),
    jobs: () => simulator.counters().runsCreated,
    activeJobs: () => simulator.counters().activeRuns,
    forget: (meta) => void simulator.deleteRun(connector.metadataType.externalId(meta)),
    expireCredentials: () => simulator.revokeToken(TOKEN),
    fallSilent: () => simulator.addFault({ operation: '*', kind: 'hang', times: 0 }),
    close: async () => {
      await connector.close();
      await simulator.close();
    },
  };
}

async function scripted(): Promise<ConnectorUnderTest> {
  const connector = new ScriptedConnector('scripted', 'unused');
  connector.onCreate = (job) => runJob(job);
  connector.onGet = (job) => {
    if (job.custom['kind'] === 'short' && job.gets > 1) succeedJob(job);
  };
  return {
    connector,
    request: (kind, key) => {
      const custom: JsonObject = { kind };
      return {
        template: { type: 'scripted', version: 0, custom },
        idempotencyToken: token(key),
      };
    },
    jobs: () => connector.jobs.size,
    activeJobs: () => [...connector.jobs.values()].filter(({ next }) => next.kind !== 'done').length,
    forget: (meta) => void connector.jobs.delete(connector.metadataType.externalId(meta)),
    fallSilent: () => {
      connector.beforeCreate = (_request, { signal }) => untilAborted(signal);
      connector.beforeGet = (_meta, { signal }) => untilAborted(signal);
      connector.beforeDelete = (_target, { signal }) => untilAborted(signal);
    },
    close: () => Promise.resolve(),
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason goes on untouched
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

const teardown = (under: ConnectorUnderTest): Promise<void> => under.close();

describeConnector({ name: 'the Databricks connector', setup: databricks, teardown });
describeConnector({ name: 'the scripted connector of our tests', setup: scripted, teardown });
