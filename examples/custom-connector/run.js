'use strict';
const { readFileSync } = require('node:fs');
const { Client, Connection } = require('@temporalio/client');
const { NativeConnection, Runtime, DefaultLogger } = require('@temporalio/worker');
const longhaul = require('longhaul');
const { fileConnector } = require('./file-connector');

/** Serves the connector, runs one task to its end, and prints the end: `node run.js task.json`. */
async function main(taskFile) {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const address = process.env.TEMPORAL_ADDRESS ?? 'localhost:7233';
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  const client = new Client({ connection });
  const registry = new longhaul.ConnectorRegistry().register(fileConnector);
  const common = { client, namespace: 'default', registry, workflowTaskQueue: 'files:tasks' };
  const secrets = longhaul.createSecretPort({ env: process.env, allowed: [], operatorSecrets: [] });
  const workers = await longhaul.startWorkers({
    ...common,
    connection: native,
    secrets,
    shutdownGraceMs: 1_000,
  });
  const tasks = new longhaul.TaskClient({ ...common, secretsAllow: [], searchAttributes: false });

  const { id, policy, ...task } = JSON.parse(readFileSync(taskFile, 'utf8'));
  const template = longhaul.parseTaskTemplate(task);
  const { id: started } = await tasks.start({ id, template, policy: longhaul.parseTaskPolicy(policy) });
  console.log(`started ${started}`);
  const { status } = await tasks.wait(started);
  console.log(`${status.phase}: ${status.message}`);

  await workers.shutdown();
  await Promise.all([connection.close(), native.close()]);
  process.exitCode = status.phase === 'SUCCEEDED' ? 0 : 1;
}

main(process.argv[2] ?? 'task.json').catch((error) => {
  console.error(`${error.code ?? 'ERROR'}: ${error.message}`);
  process.exitCode = 1;
});
