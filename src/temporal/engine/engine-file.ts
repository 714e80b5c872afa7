import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile, writeJsonFile } from './json-file';

const engineInfo = z.object({
  pid: z.int().positive(),
  /** ISO 8601. */
  startedAt: z.string(),
  temporalAddress: z.string(),
  uiUrl: z.string(),
  controlPort: z.int().positive(),
  /** Of the simulated workspace, when the engine runs one. */
  workspaceUrl: z.string().optional(),
  versions: z.object({ longhaul: z.string(), temporal: z.string(), temporalServer: z.string() }),
  /** What the services say of themselves. */
  services: z.array(z.record(z.string(), z.json())),
});

const engineFile = engineInfo.extend({ secret: z.string() });

/** What a running engine tells of itself. */
export type EngineInfo = z.infer<typeof engineInfo>;

/** `engine.json`: the same, and the secret that its control port asks for. Readable by its owner alone. */
export type EngineFile = z.infer<typeof engineFile>;

/** It outlives a killed engine, so it is a hint where to ask, never a proof that one runs. */
export function readEngineFile(home: string): EngineFile | undefined {
  return engineFile.safeParse(readJsonFile(pathOf(home))).data;
}

export function writeEngineFile(home: string, file: EngineFile): void {
  writeJsonFile(pathOf(home), file);
}

export function removeEngineFile(home: string): void {
  rmSync(pathOf(home), { force: true });
}

export function parseEngineInfo(value: unknown): EngineInfo | undefined {
  return engineInfo.safeParse(value).data;
}

function pathOf(home: string): string {
  return join(home, 'engine.json');
}
