import { startAirflowProcess } from '../../../src/worker';

/** Starts the worker named by its argument and waits to be killed. */
async function main(): Promise<void> {
  const worker = await startAirflowProcess({
    environment: { python: process.argv[2] ?? '' },
    env: process.env,
    onLine: () => undefined,
    stopLimitMs: 60_000,
  });
  process.stdout.write(`${worker.ready}\n`);
  setInterval(() => undefined, 60_000);
}

void main();
