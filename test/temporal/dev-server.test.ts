import { join } from 'node:path';
import { connectClient } from '../../src/temporal/connection';
import { connectWorker } from '../../src/temporal/worker-connection';
import { startDevServer, type DevServer, type DevServerOptions } from '../../src/temporal/dev-server';
import { findFreePort, isServing } from '../../src/temporal/ports';
import { ensureRetention, readRetentionDays } from '../../src/temporal/retention';
import {
  ensureSearchAttributes,
  missingSearchAttributes,
  SEARCH_ATTRIBUTE_NAMES,
} from '../../src/temporal/search-attributes';
import { runTypeScriptChild } from '../support/run-typescript-child';
import { isAlive, temporaryHome, testBinary, waitUntil } from './support';

const IP = '127.0.0.1';
const running: DevServer[] = [];

async function serverOptions(home = temporaryHome()): Promise<DevServerOptions> {
  return {
    binary: (await testBinary()).path,
    dbFile: join(home, 'temporal.db'),
    port: await findFreePort(IP),
    uiPort: await findFreePort(IP),
    ip: IP,
    searchAttributes: SEARCH_ATTRIBUTE_NAMES,
    logFile: join(home, 'temporal.log'),
  };
}

async function start(options: DevServerOptions): Promise<DevServer> {
  const server = await startDevServer(options);
  running.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

describe('the dev server', () => {
  test('it serves with its UI, 30 days of retention and our search attributes, and keeps its file over a restart', async () => {
    const options = await serverOptions();
    const first = await start(options);
    const before = await connectClient(first.address);
    expect(await readRetentionDays(before.connection, before.namespace)).toBe(30);
    expect(await missingSearchAttributes(before.connection, before.namespace)).toEqual([]);
    expect((await fetch(first.uiUrl)).status).toBe(200);
    await before.client.workflow.start('kept', { taskQueue: 'nobody', workflowId: 'kept' });
    await before.connection.close();
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start(options);
    const after = await connectClient(second.address);
    expect((await after.client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
    await after.connection.close();
  });

  test('retention is raised, never lowered; missing search attributes are added once', async () => {
    const server = await start({ ...(await serverOptions()), searchAttributes: ['ConnectorPhase'] });
    const { connection, namespace } = await connectClient(server.address);
    const added = SEARCH_ATTRIBUTE_NAMES.filter((name) => name !== 'ConnectorPhase');
    expect(await ensureRetention(connection, namespace, 7)).toBe(30);
    expect(await ensureRetention(connection, namespace, 60)).toBe(60);
    const both = await Promise.all([1, 2].map(() => ensureSearchAttributes(connection, namespace)));
    expect(both[0]).toEqual(added);
    expect(await ensureSearchAttributes(connection, namespace)).toEqual([]);
    await expect(readRetentionDays(connection, 'nowhere')).rejects.toMatchObject({ code: 'CONFIG' });
    await connection.close();
  });

  test('a SIGKILL of the parent takes the server along', async () => {
    const options = await serverOptions();
    const child = runTypeScriptChild(join(__dirname, 'children', 'dev-server-child.ts'), {
      args: [JSON.stringify(options)],
    });
    const pid = Number((await child.line((line) => line.startsWith('pid '))).slice(4));
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await waitUntil('the server to die', () => !isAlive(pid), 3_000);
    await waitUntil('its port to close', async () => !(await isServing(options.port, IP)), 3_000);
  });

  test('a second server on the same file is refused while the first one lives', async () => {
    const options = await serverOptions();
    const first = await start(options);
    const again = { ...options, port: await findFreePort(IP), uiPort: await findFreePort(IP) };
    await expect(startDevServer(again)).rejects.toMatchObject({
      code: 'CONFIG',
      advice: `End it first: kill ${first.pid}`,
    });
  });

  test('a server that cannot start says why', async () => {
    const options = await serverOptions();
    const first = await start(options);
    const other = { ...(await serverOptions()), port: options.port };
    await expect(startDevServer(other)).rejects.toMatchObject({
      message: expect.stringContaining(`port ${options.port} is taken`),
    });
    expect(isAlive(first.pid)).toBe(true);
    const missing = { ...(await serverOptions()), binary: '/nowhere/temporal' };
    await expect(startDevServer(missing)).rejects.toMatchObject({
      message: expect.stringContaining('/nowhere/temporal'),
    });
  });
});

describe('a connection', () => {
  test('an unreachable Temporal is UNAVAILABLE with its address and the mend', async () => {
    const address = `${IP}:${await findFreePort(IP)}`;
    const expected = {
      code: 'UNAVAILABLE',
      message: expect.stringContaining(address),
      advice: expect.any(String),
    };
    await expect(connectClient(address, { connectTimeoutMs: 500 })).rejects.toMatchObject(expected);
    await expect(connectWorker(address)).rejects.toMatchObject(expected);
  });
});
