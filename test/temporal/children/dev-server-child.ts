/** Starts a dev server as its first argument (JSON options) says, tells its process id, and stays. */
import { startDevServer, type DevServerOptions } from '../../../src/temporal/dev-server';

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '{}') as DevServerOptions;
  const server = await startDevServer(options);
  process.stdout.write(`pid ${server.pid}\n`);
}

void main();
