import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { MAJORS, pythonOf, type AirflowMajor } from './support/environments';
import { describeWithPython } from './support/suite';

/** The Python package's own gates, in the environment of each major. */
const PACKAGE = join(__dirname, '../../python');
const OPERATORS = join(__dirname, 'operators');
/** What runs a notebook in the simulated workspace. */
const NOTEBOOKS = join(__dirname, '../../src/simulator/python');
const OPEN_WITHIN_MS = 15 * 60_000;
const LIMIT_MS = 600_000;
const scratch = mkdtempSync(join(tmpdir(), 'lh-python-package-'));

afterAll(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a module of the environment in the package's folder; nothing of the caller's own configuration reaches it. */
async function run(major: AirflowMajor, args: readonly string[]): Promise<Finished> {
  const python = await pythonOf(major);
  const foreign = /^(TEMPORAL|DATABRICKS|FLYTE|LONGHAUL|AIRFLOW)_/;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const child = spawn(python, ['-m', ...args], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(inherited),
      AIRFLOW_HOME: join(scratch, `airflow${major}`),
      PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}`,
      PYTHONPATH: 'src',
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => parts.push(text));
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output: parts.join('') };
}

/** Shows what the tool said when it is not content. */
async function expectContent(major: AirflowMajor, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run(major, args);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}:\n${output}`);
}

describeWithPython(() => {
  /** Both majors side by side: most of their time they wait. */
  const own = new Map<AirflowMajor, Promise<void>>();

  beforeAll(async () => {
    await Promise.all(MAJORS.map(pythonOf));
    for (const major of MAJORS) {
      const tests = expectContent(major, 'pytest', '-p', 'no:cacheprovider');
      tests.catch(() => undefined); // the test below reports it
      own.set(major, tests);
    }
  }, OPEN_WITHIN_MS);

  describe.each([...MAJORS])('with Airflow %i', (major) => {
    test(
      'its types are strict and right',
      async () => {
        await expectContent(major, 'mypy', '--cache-dir', join(scratch, `mypy${major}`));
      },
      LIMIT_MS,
    );

    test(
      'its own tests pass',
      async () => {
        await own.get(major);
      },
      LIMIT_MS,
    );
  });

  test(
    'its lint and format are clean, those of the operators of these tests and of the notebook runner too',
    async () => {
      for (const folder of ['.', OPERATORS, NOTEBOOKS]) {
        await expectContent(3, 'ruff', 'check', '--no-cache', folder);
        await expectContent(3, 'ruff', 'format', '--no-cache', '--check', folder);
      }
    },
    LIMIT_MS,
  );
});
