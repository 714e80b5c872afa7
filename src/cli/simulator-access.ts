import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

export const SIMULATED_WORKSPACE = 'simulated';

const simulatorAccess = z.object({ port: z.int().positive(), token: z.string().min(20) });

/** How the engine's simulated workspace is reached: runs are named by its address, so it stays the same over restarts. */
export type SimulatorAccess = z.infer<typeof simulatorAccess>;

export function simulatorFolder(home: string): string {
  return join(home, 'simulator');
}

/** Undefined before the first start. */
export function readSimulatorAccess(home: string): SimulatorAccess | undefined {
  try {
    return simulatorAccess.safeParse(JSON.parse(readFileSync(accessFile(home), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Readable by its owner alone. */
export function writeSimulatorAccess(home: string, access: SimulatorAccess): void {
  mkdirSync(simulatorFolder(home), { recursive: true, mode: 0o700 });
  writeFileSync(accessFile(home), JSON.stringify(access), { mode: 0o600 });
}

function accessFile(home: string): string {
  return join(simulatorFolder(home), 'access.json');
}
