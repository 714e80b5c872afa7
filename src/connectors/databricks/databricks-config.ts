import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { types } from 'node:util';
import { LonghaulError } from '../../connector';
import { createWorkspaceDirectory, type WorkspaceDirectory } from './databricks-directory';
import { readProfileKey, readWorkspaceSources, type ConfigFile } from './databricks-profiles';
import {
  configError,
  DEFAULT_REQUEST_TIMEOUT_MS,
  normalizeHost,
  type Workspace,
} from './databricks-workspace';
import { parseWorkspacesFile, type OnUnusable, type WorkspacesFile } from './databricks-workspaces-file';

type Environment = Readonly<Record<string, string | undefined>>;

/** Gives undefined for a file that does not exist. */
type FileReader = (path: string) => string | undefined;

export interface LoadWorkspacesOptions {
  readonly env: Environment;
  /** By default the file system. */
  readonly readFile?: FileReader;
  /** Workspaces made by the caller, such as the simulated one; they win over equal names. */
  readonly extra?: readonly Workspace[];
  /** Told of a workspace of the file that cannot be used, which is then left out. Without it that is thrown. */
  readonly onUnusable?: OnUnusable;
}

/** Flyte's variable that names the default workspace host. */
export const DEFAULT_DATABRICKS_INSTANCE_ENV_KEY = 'FLYTE_DATABRICKS_INSTANCE';

/**
 * Reads every configured workspace. Of equal names the first wins: `extra`, the file named by `LONGHAUL_WORKSPACES`,
 * `DATABRICKS_HOST` and friends (named `default`), `FLYTE_DATABRICKS_INSTANCE` (named `flyte`), each profile of
 * `~/.databrickscfg` (by its own name).
 * @throws CONFIG for a file, host or time-out that is not well-formed.
 */
export function loadWorkspaces(options: LoadWorkspacesOptions): WorkspaceDirectory {
  const { env, readFile = readFileIfAny, extra = [], onUnusable } = options;
  const requestTimeoutMs = parseTimeout(env['LONGHAUL_HTTP_TIMEOUT_MS']);
  const sources = readWorkspaceSources({ env, configFile: readConfigFile(env, readFile), requestTimeoutMs });
  const named = readNamed({ env, readFile, requestTimeoutMs, onUnusable }, createWorkspaceDirectory(sources));
  const own = extra.map((workspace) => ({ ...workspace, host: normalizeHost(workspace.host) }));
  const workspaces = withoutTwins([...own, ...named.workspaces, ...sources.workspaces]);
  const defaultName = named.default ?? sources.defaultName;
  return createWorkspaceDirectory({ ...sources, workspaces, defaultName, rules: named.rules });
}

/** The value of one key of a Databricks profile: what `profile:NAME/KEY` stands for. */
export function readProfileValue(env: Environment, name: string, key: string): string | undefined {
  return readProfileKey(readConfigFile(env, readFileIfAny), name, key);
}

function withoutTwins(workspaces: readonly Workspace[]): Workspace[] {
  return workspaces.filter(
    ({ name }, index) => workspaces.findIndex((other) => other.name === name) === index,
  );
}

interface NamedSource {
  readonly env: Environment;
  readonly readFile: FileReader;
  readonly requestTimeoutMs: number;
  readonly onUnusable: OnUnusable | undefined;
}

/** A file that is named and not there is a mistake: nothing else may quietly take its place. */
function readNamed(
  { env, readFile, requestTimeoutMs, onUnusable }: NamedSource,
  profiles: WorkspaceDirectory,
): WorkspacesFile {
  const given = env['LONGHAUL_WORKSPACES']?.trim() ?? '';
  if (given === '') return { workspaces: [], rules: [] };
  const path = toPath(given, env);
  const text = readFile(path);
  if (text === undefined) {
    throw configError(`LONGHAUL_WORKSPACES names ${path}, which does not exist.`, {
      advice: 'Create it (docs/workspaces.md), or unset the variable.',
    });
  }
  const profile = (name: string): Workspace => profiles.resolve(name);
  return parseWorkspacesFile(text, { path, requestTimeoutMs, profile, onUnusable });
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_REQUEST_TIMEOUT_MS;
  const ms = Number(text);
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw configError('LONGHAUL_HTTP_TIMEOUT_MS must be a number of milliseconds above 0.', {
    advice: 'Unset it for the default of one minute.',
  });
}

function readConfigFile(env: Environment, readFile: FileReader): ConfigFile {
  const path = toPath(env['DATABRICKS_CONFIG_FILE'] ?? '~/.databrickscfg', env);
  return { path, text: readFile(path) };
}

/** Absolute, so that a message says which file was meant. */
function toPath(path: string, env: Environment): string {
  return path.startsWith('~/') ? join(env['HOME'] ?? homedir(), path.slice(2)) : resolve(path);
}

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (types.isNativeError(cause) && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new LonghaulError('CONFIG', `The configuration file ${path} cannot be read.`, { cause });
  }
}
