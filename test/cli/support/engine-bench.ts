import { waitUntil } from '../../support/wait-until';
import { buildDist, killCliProcesses, runCliJson, startCli } from './cli-process';
import { createEngineHome, type EngineHome } from './engine-home';

/** The built command against an engine of its own: a fresh one for each test of the file. */
export interface EngineBench {
  /** Of the running test. */
  engine(): EngineHome;
  cli(...args: string[]): ReturnType<typeof startCli>;
  cliJson(...args: string[]): ReturnType<typeof runCliJson>;
  untilNothingRuns(): Promise<void>;
}

/** Sets up and tears down around the tests of the file that calls it. */
export function useEngineBench(): EngineBench {
  const current: { engine?: EngineHome } = {};
  beforeAll(buildDist, BUILD_LIMIT_MS);
  beforeEach(() => {
    current.engine = createEngineHome(IDLE_SECONDS);
  });
  afterEach(async () => {
    killCliProcesses();
    await current.engine?.close();
  });
  const engine = (): EngineHome => {
    if (current.engine === undefined) throw new Error('There is an engine only while a test runs.');
    return current.engine;
  };
  return {
    engine,
    cli: (...args) => startCli(args, { env: engine().env }),
    cliJson: (...args) => runCliJson(args, { env: engine().env }),
    untilNothingRuns: async () => {
      await waitUntil('all processes to be gone', () => engine().processes().length === 0 || undefined);
    },
  };
}

const IDLE_SECONDS = 2;
/** The compiler's own time, on a machine that does other work too. */
const BUILD_LIMIT_MS = 240_000;
