/** Is an engine: arguments home, idle seconds, path of the Temporal CLI. Ends as `joinOrStartEngine` expects. */
import { ERROR_TABLE, LonghaulError } from '../../../src/connector/errors';
import { connectClient } from '../../../src/temporal/connection';
import { runEngineHost, type EngineContext } from '../../../src/temporal/engine/engine-host';
import { inspectTemporalBinary } from '../../../src/temporal/temporal-binary';

const [, , home = '', idleSeconds = '60', binaryPath = ''] = process.argv;

async function countRunning({ temporalAddress }: EngineContext): Promise<number> {
  const { client, connection } = await connectClient(temporalAddress, { connectTimeoutMs: 2_000 });
  try {
    return (await client.workflow.count("ExecutionStatus = 'Running'")).count;
  } finally {
    await connection.close();
  }
}

async function main(): Promise<void> {
  const say = (message: string): void => void process.stdout.write(`${message}\n`);
  if (process.env['TEST_ENGINE_FAILS'] !== undefined) {
    throw new LonghaulError('CONFIG', process.env['TEST_ENGINE_FAILS']);
  }
  const end = await runEngineHost({
    config: { home, engineIdleSeconds: Number(idleSeconds) },
    binary: await inspectTemporalBinary(binaryPath),
    openTasks: countRunning,
    report: say,
    onServing: () => say('serving'),
    startServices: () =>
      Promise.resolve([
        {
          describe: () => ({ kind: 'simulator', workspaceUrl: 'http://127.0.0.1:1' }),
          close: () => {
            say('service closed');
            return Promise.resolve();
          },
        },
      ]),
  });
  say(`end ${JSON.stringify(end)}`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const failure = LonghaulError.from(error);
    process.stderr.write(`${failure.code}: ${failure.message}\n`);
    process.exit(ERROR_TABLE[failure.code].exitCode);
  },
);
