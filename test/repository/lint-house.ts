import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const REPOSITORY = join(__dirname, '../..');

const SHARED = ['eslint.config.mjs', 'eslint.imports.mjs', 'tsconfig.json', 'package.json'];
const FOLDERS = [
  ...['src/connector', 'src/connectors/databricks', 'src/connectors/airflow', 'src/config', 'src/temporal'],
  ...['src/simulator', 'src/client', 'src/worker', 'src/service', 'src/cli'],
  ...['activities', 'workflows', 'test', 'bench', 'examples'],
];

/** `rule message` of each problem, by file. */
export type Problems = ReadonlyMap<string, readonly string[]>;

interface LintResult {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly message: string }[];
}

/**
 * Lints `files` (path → text) by the repository's own configuration in an empty house of the same plan, so that what
 * a gate lets through never depends on the state of the sources.
 */
export async function lintInEmptyHouse(files: Readonly<Record<string, string>>): Promise<Problems> {
  const house = await realpath(await mkdtemp(join(tmpdir(), 'longhaul-house-')));
  try {
    await buildHouse(house, files);
    return await lint(house);
  } finally {
    await rm(house, { recursive: true });
  }
}

async function buildHouse(house: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const name of SHARED) await cp(join(REPOSITORY, name), join(house, name));
  await symlink(join(REPOSITORY, 'node_modules'), join(house, 'node_modules'));
  const room = 'export interface Chair {\n  legs: number;\n}\n';
  const rooms = Object.fromEntries(FOLDERS.map((folder) => [`${folder}/room.ts`, room]));
  for (const [path, text] of Object.entries({ ...rooms, ...files })) {
    await mkdir(dirname(join(house, path)), { recursive: true });
    await writeFile(join(house, path), text);
  }
}

async function lint(house: string): Promise<Problems> {
  const eslint = join(REPOSITORY, 'node_modules/eslint/bin/eslint.js');
  const run = promisify(execFile)(process.execPath, [eslint, '--format', 'json', '.'], {
    cwd: house,
    maxBuffer: 64 * 2 ** 20,
  });
  const stdout = await run.then(
    (done) => done.stdout,
    (failed: unknown) => outputOf(failed),
  );
  const results = JSON.parse(stdout) as readonly LintResult[];
  return new Map(
    results.map(({ filePath, messages }) => [
      filePath.slice(house.length + 1),
      messages.map(({ ruleId, message }) => `${ruleId ?? 'eslint'} ${message}`),
    ]),
  );
}

/** ESLint exits 1 when it found problems; anything without a report is a failure of ESLint itself. */
function outputOf(failed: unknown): string {
  const { stdout } = failed as { readonly stdout?: string };
  if (stdout?.startsWith('[') === true) return stdout;
  throw failed;
}
