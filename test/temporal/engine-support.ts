import { join } from 'node:path';
import { engineLogFile } from '../../src/temporal/engine/engine-client';
import { spawnDetached, type SpawnedEngine } from '../../src/temporal/engine/engine-spawn';
import { typescriptArguments } from '../support/run-typescript-child';

export interface TestEngine {
  readonly home: string;
  readonly idleSeconds: number;
  readonly binaryPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

const ENGINE_CHILD = join(__dirname, 'children', 'engine-child.ts');

/** A real background engine, as the CLI would start it. */
export function spawnTestEngine({ home, idleSeconds, binaryPath, env }: TestEngine): Promise<SpawnedEngine> {
  return Promise.resolve(
    spawnDetached({
      command: process.execPath,
      args: [...typescriptArguments(ENGINE_CHILD), home, String(idleSeconds), binaryPath],
      env: { ...process.env, ...env },
      logFile: engineLogFile({ home }),
    }),
  );
}
