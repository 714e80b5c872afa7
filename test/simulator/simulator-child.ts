import { startSimulator } from '../../src/simulator';
import { TOKEN } from './workspace-client';

/** A simulator in a process of its own, to be killed. Its argument is the state file; it prints its address. */
void startSimulator({ tokens: [TOKEN], stateFile: process.argv[2] ?? '', speed: 20 }).then(({ url }) => {
  process.stdout.write(`${url}\n`);
});
