import { z } from 'zod';

import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import type { AirflowMajor } from '../connectors/airflow';
import { messageOf, runCommand } from '../temporal/run-command';

/** A Python that can run Airflow. */
export interface PythonInterpreter {
  readonly command: string;
  /** `3.12.1`. */
  readonly version: string;
  /** All that an environment depends on: another build of the same version makes another one. */
  readonly build: string;
}

/** What the operators' packages ask for, and what each major of Airflow knows. */
const OLDEST_MINOR = 11;
const NEWEST_MINOR: Readonly<Record<AirflowMajor, number>> = { 2: 12, 3: 14 };
const CANDIDATES = ['python3.13', 'python3.12', 'python3.11', 'python3'] as const;

const answer = z.object({
  version: z.tuple([z.int(), z.int(), z.int()]),
  build: z.string(),
  venv: z.boolean(),
});
const QUESTION = `
import importlib.util, json, platform, sys
venv = all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))
build = " ".join([sys.version, platform.machine(), sys.base_prefix])
print(json.dumps({"version": sys.version_info[:3], "build": build, "venv": venv}))
`;
const ANSWER_LIMIT_MS = 20_000;

/**
 * Finds a Python for a major of Airflow: LONGHAUL_AIRFLOW_PYTHON and no other where it is set, else the newest fitting
 * one on PATH.
 * @throws CONFIG saying of each why it does not fit.
 */
export async function findPython(env: Environment, major: AirflowMajor): Promise<PythonInterpreter> {
  const named = env['LONGHAUL_AIRFLOW_PYTHON'] ?? '';
  const misfits: string[] = [];
  for (const command of named === '' ? CANDIDATES : [named]) {
    try {
      return await inspect(command, major);
    } catch (error) {
      misfits.push(messageOf(error));
    }
  }
  const range = `3.${OLDEST_MINOR} to 3.${NEWEST_MINOR[major]}`;
  throw new LonghaulError('CONFIG', `No Python fits Airflow ${major} (${range}): ${misfits.join('; ')}.`, {
    advice: `Install one of Python ${range} with its venv module, or name it in LONGHAUL_AIRFLOW_PYTHON.`,
  });
}

async function inspect(command: string, major: AirflowMajor): Promise<PythonInterpreter> {
  const said = await runCommand(command, ['-c', QUESTION], { limitMs: ANSWER_LIMIT_MS });
  const { version, build, venv } = answer.parse(JSON.parse(said));
  const [generation, minor] = version;
  const text = version.join('.');
  if (generation !== 3 || minor < OLDEST_MINOR || minor > NEWEST_MINOR[major]) {
    throw new LonghaulError('CONFIG', `${command} is ${text}`);
  }
  if (!venv) {
    throw new LonghaulError('CONFIG', `${command} (${text}) lacks venv or ensurepip (package python3-venv)`);
  }
  return { command, version: text, build };
}
