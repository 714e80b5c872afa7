import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connectClient, type TemporalClient } from '../../src/temporal/connection';
import {
  engineLogFile,
  engineStatus,
  joinOrStartEngine,
  stopEngine,
  type JoinedEngine,
} from '../../src/temporal/engine/engine-client';
import { readEngineFile } from '../../src/temporal/engine/engine-file';
import { readJsonFile } from '../../src/temporal/engine/json-file';
import { commandLineOf } from '../../src/temporal/process-alive';
import { runTypeScriptChild, type TypeScriptChild } from '../support/run-typescript-child';
import { spawnTestEngine } from './engine-support';
import { isAlive, temporaryHome, testBinary, waitUntil } from './support';

const homes: string[] = [];
const children: TypeScriptChild[] = [];
const left: (() => Promise<void> | void)[] = [];

function newHome(): string {
  const home = temporaryHome();
  homes.push(home);
  return home;
}

async function joinEngine(
  home: string,
  idleSeconds = 60,
  env: Record<string, string> = {},
): Promise<JoinedEngine> {
  const binaryPath = (await testBinary()).path;
  const joined = await joinOrStartEngine({
    config: { home },
    report: () => undefined,
    spawnEngine: () => spawnTestEngine({ home, idleSeconds, binaryPath, env }),
  });
  left.push(() => joined.close());
  return joined;
}

async function clientProcess(home: string, idleSeconds: number): Promise<TypeScriptChild> {
  const args = [home, String(idleSeconds), (await testBinary()).path];
  const child = runTypeScriptChild(join(__dirname, 'children', 'engine-client-child.ts'), { args });
  children.push(child);
  return child;
}

async function client(address: string): Promise<TemporalClient> {
  const connected = await connectClient(address);
  left.push(() => connected.connection.close());
  return connected;
}

const joinedPid = async (child: TypeScriptChild): Promise<number> =>
  Number((await child.line((line) => line.startsWith('joined '))).slice(7));

/** NaN while one server is gone and the next one has not written its own. */
const serverPid = (home: string): number => {
  const file = join(home, 'temporal.db.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN;
};
const engineLog = (home: string): string => readFileSync(engineLogFile({ home }), 'utf8');

afterEach(async () => {
  for (const close of left.splice(0)) await close();
  for (const child of children) child.kill();
  await Promise.all(children.splice(0).map((child) => child.ended));
  for (const home of homes.splice(0)) await stopEngine({ home });
});

describe('the engine', () => {
  test('five processes at once join one engine; killed clients are seen to leave, and idle it ends in order', async () => {
    const home = newHome();
    const five = await Promise.all(Array.from({ length: 5 }, () => clientProcess(home, 2)));
    const pids = await Promise.all(five.map(joinedPid));
    expect(new Set(pids).size).toBe(1);
    await waitUntil('five to be present', async () => (await engineStatus({ home }))?.clients === 5);
    five.slice(1).forEach((child) => child.kill('SIGKILL'));
    await waitUntil('four to leave', async () => (await engineStatus({ home }))?.clients === 1);
    const server = serverPid(home);
    five[0]?.kill('SIGKILL');
    await waitUntil('the engine to end', () => !isAlive(pids[0] ?? 0));
    expect(isAlive(server)).toBe(false);
    expect(existsSync(join(home, 'engine.json'))).toBe(false);
    expect(engineLog(home)).toMatch(/no client and no open task[^]*service closed[^]*end {"kind":"idle"}/);
    expect(await engineStatus({ home })).toBeUndefined();
  });

  test('it never ends while a task is open, and ends once it is closed', async () => {
    const home = newHome();
    const { info, close } = await joinEngine(home, 0.5);
    const { client: temporal, connection } = await client(info.temporalAddress);
    await temporal.workflow.start('open', { taskQueue: 'nobody', workflowId: 'open' });
    close();
    await waitUntil('nobody to be there', async () => (await engineStatus({ home }))?.clients === 0);
    const idleUntil = Date.now() + 2_500;
    await waitUntil('five idle times to pass', async () => {
      expect(await engineStatus({ home })).toMatchObject({
        clients: 0,
        openTasks: 1,
        state: { state: 'serving' },
      });
      return Date.now() > idleUntil;
    });
    await temporal.workflow.getHandle('open').terminate();
    await connection.close();
    await waitUntil('the engine to end', () => !isAlive(info.pid));
    expect(readJsonFile(join(home, 'temporal-data.json'))).toMatchObject({ openTasks: 0 });
  });

  test('a killed Temporal server is started again on the same ports and file, and the engine lives on', async () => {
    const home = newHome();
    const { info } = await joinEngine(home);
    const { client: temporal } = await client(info.temporalAddress);
    await temporal.workflow.start('kept', { taskQueue: 'nobody', workflowId: 'kept' });
    const killed = serverPid(home);
    process.kill(killed, 'SIGKILL');
    await waitUntil(
      'another server',
      () => ![killed, Number.NaN].includes(serverPid(home)) && commandLineOf(serverPid(home)) !== undefined,
    );
    const description = await temporal.workflow.getHandle('kept').describe();
    expect(description.status.name).toBe('RUNNING');
    expect((await engineStatus({ home }))?.state).toMatchObject({
      state: 'serving',
      info: { pid: info.pid },
    });
  });

  test('a killed engine takes its server along; who joins again gets a new one on the same ports and file', async () => {
    const home = newHome();
    const first = await joinEngine(home);
    const { client: temporal, connection } = await client(first.info.temporalAddress);
    await temporal.workflow.start('kept', { taskQueue: 'nobody', workflowId: 'kept' });
    const server = serverPid(home);
    process.kill(first.info.pid, 'SIGKILL');
    expect(await first.gone).toBe('The engine is gone.');
    const second = await joinEngine(home);
    expect(isAlive(server)).toBe(false);
    expect(second.info.pid).not.toBe(first.info.pid);
    expect(second.info.temporalAddress).toBe(first.info.temporalAddress);
    expect(second.info.uiUrl).toBe(first.info.uiUrl);
    expect((await temporal.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
    await connection.close();
  });

  test('stop ends it although a task is open, says that it goes on, and records it', async () => {
    const home = newHome();
    const { info, gone } = await joinEngine(home);
    const { client: temporal } = await client(info.temporalAddress);
    await temporal.workflow.start('open', { taskQueue: 'nobody', workflowId: 'open' });
    const words = await stopEngine({ home });
    expect(words).toMatch(/1 open task\(s\) go on when it is started again/);
    expect(await gone).toBe(words);
    await waitUntil('the engine to end', () => !isAlive(info.pid));
    expect(readJsonFile(join(home, 'temporal-data.json'))).toEqual({
      serverVersion: info.versions.temporalServer,
      openTasks: 1,
    });
    expect(await stopEngine({ home })).toBeUndefined();
  });

  test('SIGTERM ends it in order: services, server, files', async () => {
    const home = newHome();
    const { info } = await joinEngine(home);
    const server = serverPid(home);
    process.kill(info.pid, 'SIGTERM');
    await waitUntil('the engine to end', () => !isAlive(info.pid));
    expect(isAlive(server)).toBe(false);
    expect(existsSync(join(home, 'engine.json'))).toBe(false);
    expect(engineLog(home)).toMatch(
      /SIGTERM[^]*service closed[^]*end {"kind":"stopped","reason":"SIGTERM","openTasks":0}/,
    );
  });

  test('engine.json is readable by its owner alone, and a stranger without its secret learns nothing', async () => {
    const home = newHome();
    const { info } = await joinEngine(home);
    expect(statSync(join(home, 'engine.json')).mode & 0o777).toBe(0o600);
    expect(info).toMatchObject({
      workspaceUrl: 'http://127.0.0.1:1',
      versions: { longhaul: expect.any(String) },
    });
    expect(info).not.toHaveProperty('secret');
    const heard = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect({ port: info.controlPort, host: '127.0.0.1' });
      socket.on('data', (bytes) => (text += String(bytes))).on('close', () => resolve(text));
      socket.write(`${JSON.stringify({ secret: 'guess', command: 'stop' })}\n`);
    });
    expect(heard).toBe('');
    expect((await engineStatus({ home }))?.state.state).toBe('serving');
  });

  test('an engine.json of the dead, even with a stranger at its port, does not keep a new engine from starting', async () => {
    const home = newHome();
    const first = await joinEngine(home);
    const stale = readEngineFile(home);
    await stopEngine({ home });
    await waitUntil('the engine to end', () => !isAlive(first.info.pid));
    writeFileSync(join(home, 'engine.json'), JSON.stringify(stale));
    const second = await joinEngine(home);
    expect(second.info.pid).not.toBe(first.info.pid);
  });

  test('an engine that fails to start is told with its own code and its last words, at once', async () => {
    const home = newHome();
    await expect(joinEngine(home, 60, { TEST_ENGINE_FAILS: 'the disk is full' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('CONFIG: the disk is full'),
    });
  });
});
