import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { findFreePort, isServing } from '../../../src/temporal/ports';
import { waitFor } from '../../../src/temporal/wait';
import { IP, START_LIMIT_MS } from '../places';
import { createProgram, type Program } from '../programs';

const INSTALLED = '/usr/lib/postgresql';
const USER = 'airflow';

export interface Postgres {
  readonly program: Program;
  readonly port: number;
  /** As SQLAlchemy names it, without the driver. */
  readonly address: string;
}

/** Where the server's programs are; undefined where none is installed. */
export function findPostgres(): string | undefined {
  if (!existsSync(INSTALLED)) return undefined;
  const folders = readdirSync(INSTALLED).map((version) => join(INSTALLED, version, 'bin'));
  return folders.filter((folder) => existsSync(join(folder, 'initdb'))).at(-1);
}

/** A fresh server as it comes, but for more connections, with one empty database. */
export async function startPostgres(binaries: string, folder: string): Promise<Postgres> {
  const data = join(folder, 'postgres');
  mkdirSync(data);
  const uid = serverUser();
  if (uid !== undefined) chownSync(data, uid, uid);
  const asServer = { stdio: 'pipe', cwd: '/', ...(uid === undefined ? {} : { uid }) } as const;
  const initdb = ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C'];
  execFileSync(join(binaries, 'initdb'), initdb, asServer);
  const port = await findFreePort(IP);
  const program = createProgram({
    name: 'postgres',
    command: join(binaries, 'postgres'),
    args: [
      ...['-D', data, '-p', String(port), '-c', `listen_addresses=${IP}`],
      ...['-c', 'unix_socket_directories=', '-c', 'max_connections=300'],
    ],
    env: {},
    folder,
    ...(uid === undefined ? {} : { uid }),
    untilReady: () => untilServing(port),
  });
  await program.start();
  execFileSync(join(binaries, 'createdb'), ['-h', IP, '-p', String(port), '-U', USER, USER], asServer);
  return { program, port, address: `${USER}@${IP}:${port}/${USER}` };
}

async function untilServing(port: number): Promise<void> {
  const look = async (): Promise<true | undefined> => ((await isServing(port, IP)) ? true : undefined);
  await waitFor(look, { what: 'PostgreSQL', limitMs: START_LIMIT_MS });
}

/** It refuses to run as root. */
function serverUser(): number | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
}
