import { join } from 'node:path';
import { z } from 'zod';
import { findFreePort, isPortFree } from '../ports';
import { readJsonFile, writeJsonFile } from './json-file';

export interface EnginePorts {
  readonly temporal: number;
  readonly ui: number;
  readonly control: number;
}

const port = z.int().min(1).max(65_535);
const savedPorts = z.object({ temporal: port, ui: port, control: port });

/**
 * The ports of the last engine of this folder where they are free, others where not, remembered for the next: so
 * clients, open browser tabs and workers find a restarted engine where it was.
 */
export async function chooseEnginePorts(home: string, ip: string): Promise<EnginePorts> {
  const file = join(home, 'ports.json');
  const last = savedPorts.safeParse(readJsonFile(file)).data;
  const ports = {
    temporal: await freePort(last?.temporal, ip),
    ui: await freePort(last?.ui, ip),
    control: await freePort(last?.control, ip),
  };
  writeJsonFile(file, ports);
  return ports;
}

async function freePort(wanted: number | undefined, ip: string): Promise<number> {
  if (wanted !== undefined && (await isPortFree(wanted, ip))) return wanted;
  return findFreePort(ip);
}
