/** Tries to take the lock of the folder in its first argument, says how it went, and stays. */
import { becomeEngine } from '../../../src/temporal/engine/engine-election';

async function main(): Promise<void> {
  const lock = await becomeEngine(process.argv[2] ?? '', Number(process.argv[3] ?? 0));
  process.stdout.write(lock === undefined ? 'refused\n' : 'held\n');
  setInterval(() => undefined, 1_000);
}

void main();
