import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { runCommand } from '../../../src/temporal/run-command';
import { findAirflowPython } from '../python';

const REQUIREMENTS = join(__dirname, '../requirements-peer.txt');
const PACKAGES = ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"), end="")'];
const LIMIT = { limitMs: 600_000 };

/**
 * A Python with the packages of our own worker, so that both run the same code, and the drivers of PostgreSQL beside
 * them. Made once, and kept by what it is made of.
 */
export async function openPeerPython(): Promise<string> {
  const airflow = await findAirflowPython();
  const packages = await runCommand(airflow, PACKAGES, LIMIT);
  const key = createHash('sha256').update(readFileSync(REQUIREMENTS)).update(packages).digest('hex');
  const home = process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul');
  const folder = join(home, `venv-airflow-peer-${key.slice(0, 12)}`);
  if (!existsSync(folder)) await makePeer({ folder, airflow, packages });
  return join(folder, 'bin/python');
}

interface PeerVenv {
  readonly folder: string;
  readonly airflow: string;
  /** The folder in which `airflow` has its packages. */
  readonly packages: string;
}

/** Made aside and put in place whole. */
async function makePeer({ folder, airflow, packages }: PeerVenv): Promise<void> {
  const aside = `${folder}-${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  await runCommand(airflow, ['-m', 'venv', aside], LIMIT);
  const python = join(aside, 'bin/python');
  const install = ['install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
  await runCommand(python, ['-m', 'pip', ...install], LIMIT);
  const own = await runCommand(python, PACKAGES, LIMIT);
  writeFileSync(join(own, 'airflow.pth'), packages);
  renameSync(aside, folder);
}
