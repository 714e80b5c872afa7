import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLineOf } from '../../src/temporal/process-alive';
import type { DevServerOptions } from '../../src/temporal/dev-server';
import { findFreePort } from '../../src/temporal/ports';
import { SEARCH_ATTRIBUTE_NAMES } from '../../src/temporal/search-attributes';
import { findTemporalBinary, type TemporalBinary } from '../../src/temporal/temporal-binary';
import { waitFor } from '../../src/temporal/wait';

/** A Temporal CLI for tests; fetched once a machine, into the same place as by the global set-up. */
export function testBinary(): Promise<TemporalBinary> {
  const home = process.env['LONGHAUL_TEST_HOME'] ?? join(homedir(), '.longhaul');
  return findTemporalBinary({ env: process.env, home, report: () => undefined });
}

/** A server that keeps its tasks in a file, on ports of its own: it can be killed and started again. */
export async function durableServerOptions(home = temporaryHome()): Promise<DevServerOptions> {
  return {
    binary: (await testBinary()).path,
    dbFile: join(home, 'temporal.db'),
    logFile: join(home, 'temporal.log'),
    port: await findFreePort(IP),
    uiPort: await findFreePort(IP),
    ip: IP,
    searchAttributes: SEARCH_ATTRIBUTE_NAMES,
  };
}

const IP = '127.0.0.1';
const homes: string[] = [];

/** A folder that is removed after the tests of the file. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'lh-home-'));
  homes.push(home);
  return home;
}

afterAll(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

export function isAlive(pid: number): boolean {
  return commandLineOf(pid) !== undefined; // a zombie that nobody has reaped yet is dead
}

export function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<true> {
  return waitFor(async () => ((await condition()) ? true : undefined), { what, limitMs });
}
