/** Joins or starts the engine of a folder (arguments: home, idle seconds, Temporal CLI), tells who it is, and stays. */
import { joinOrStartEngine } from '../../../src/temporal/engine/engine-client';
import { spawnTestEngine } from '../engine-support';

const [, , home = '', idleSeconds = '60', binaryPath = ''] = process.argv;

async function main(): Promise<void> {
  const joined = await joinOrStartEngine({
    config: { home },
    report: () => undefined,
    spawnEngine: () => spawnTestEngine({ home, idleSeconds: Number(idleSeconds), binaryPath }),
  });
  process.stdout.write(`joined ${joined.info.pid}\n`);
  setInterval(() => undefined, 1_000);
}

void main();
