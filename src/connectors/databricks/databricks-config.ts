import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LonghaulError } from '../../connector';
import { readWorkspaceSources, type UnusableWorkspace, type WorkspaceSources } from './databricks-profiles';
import {
  configError,
  DEFAULT_REQUEST_TIMEOUT_MS,
  normalizeHost,
  parseOrigin,
  type Workspace,
  type WorkspaceHost,
} from './databricks-workspace';

/** The workspaces this process may talk to. */
export interface WorkspaceDirectory {
  readonly workspaces: readonly Workspace[];
  /**
   * Finds a workspace by its name or its host; without a selector the default one.
   * @throws CONFIG naming what is missing and how to configure it.
   */
  resolve(selector?: string): Workspace;
  /**
   * The same for a task that brings its own token: a workspace without usable credentials will do, as long as its host
   * is configured. Where `resolve` finds a workspace, this finds the same.
   * @throws CONFIG as `resolve`.
   */
  resolveHost(selector?: string): WorkspaceHost;
  /** The workspaces that only `resolveHost` gives, each with the reason. */
  readonly hostsOnly: readonly (WorkspaceHost & { readonly reason: string })[];
}

export interface LoadWorkspacesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gives undefined for a file that does not exist; by default the file system. */
  readonly readFile?: (path: string) => string | undefined;
  /** Workspaces made by the caller, such as the simulated one; they win over equal names. */
  readonly extra?: readonly Workspace[];
}

/** Flyte's variable that names the default workspace host. */
export const DEFAULT_DATABRICKS_INSTANCE_ENV_KEY = 'FLYTE_DATABRICKS_INSTANCE';

/**
 * Reads every configured workspace: `DATABRICKS_HOST` and friends (named `default`), each profile of
 * `~/.databrickscfg` (by its own name), `FLYTE_DATABRICKS_INSTANCE` (named `flyte`), and `extra`.
 * @throws CONFIG for a host or time-out that is not well-formed.
 */
export function loadWorkspaces(options: LoadWorkspacesOptions): WorkspaceDirectory {
  const { env, readFile = readFileIfAny, extra = [] } = options;
  const requestTimeoutMs = parseTimeout(env['LONGHAUL_HTTP_TIMEOUT_MS']);
  const sources = readWorkspaceSources({ env, configFile: readConfigFile(env, readFile), requestTimeoutMs });
  const taken = new Set(extra.map(({ name }) => name));
  const found = sources.workspaces.filter(({ name }) => !taken.has(name));
  const own = extra.map((workspace) => ({ ...workspace, host: normalizeHost(workspace.host) }));
  return createWorkspaceDirectory({ ...sources, workspaces: [...own, ...found] });
}

/** A directory of ready-made workspaces, for callers that configure by code. */
export function createWorkspaceDirectory(
  sources: Pick<WorkspaceSources, 'workspaces'> & Partial<WorkspaceSources>,
): WorkspaceDirectory {
  const { workspaces, unusable = [] } = sources;
  const find = (selector: string | undefined): Found =>
    selector === undefined || selector === ''
      ? findDefault({ ...sources, unusable })
      : findSelected({ ...sources, unusable }, selector);
  return {
    workspaces,
    resolve: (selector) => {
      const found = find(selector);
      if ('reason' in found) throw unusableError(found);
      return found;
    },
    resolveHost: (selector) => {
      const found = find(selector);
      if (!('reason' in found)) return found;
      if (found.place === undefined) throw unusableError(found);
      assertChosen(found, selector, { ...sources, unusable });
      return found.place;
    },
    hostsOnly: unusable.flatMap(({ place, reason }) => (place === undefined ? [] : [{ ...place, reason }])),
  };
}

type Found = Workspace | UnusableWorkspace;

function findDefault({ workspaces, unusable, defaultName }: WorkspaceSources): Found {
  const byName = workspaces.find(({ name }) => name === defaultName);
  if (byName !== undefined) return byName;
  const [only, ...others] = workspaces;
  if (only !== undefined && others.length === 0 && defaultName === undefined) return only;
  const problem = unusable.find(({ name }) => name === defaultName) ?? unusable[0];
  if (problem !== undefined && (only === undefined || problem.name === defaultName)) return problem;
  if (only === undefined) throw configError('No Databricks workspace is configured.');
  throw noDefaultError(workspaces);
}

/** The first of several problems is good enough to be told, not to be sent a token. */
function assertChosen(
  found: UnusableWorkspace,
  selector: string | undefined,
  { unusable, defaultName }: WorkspaceSources,
): void {
  const isNamed = (selector !== undefined && selector !== '') || found.name === defaultName;
  if (!isNamed && unusable.length > 1) throw noDefaultError(unusable);
}

function findSelected({ workspaces, unusable }: WorkspaceSources, selector: string): Found {
  const byName = workspaces.find(({ name }) => name === selector);
  if (byName !== undefined) return byName;
  const byHost = workspaces.find(({ host }) => isSameHost(host, selector));
  if (byHost !== undefined) return byHost;
  const problem = unusable.find(({ name, place }) => name === selector || isSameHost(place?.host, selector));
  if (problem !== undefined) return problem;
  const looksLikeHost = /[.:]/.test(selector);
  throw configError(
    looksLikeHost
      ? `The Databricks host ${selector} is not configured here, so it gets no credentials.`
      : `No Databricks workspace is named ${selector} (configured: ${namesOf(workspaces) || 'none'}).`,
  );
}

function isSameHost(host: string | undefined, selector: string): boolean {
  const wanted = selector.includes('://') ? parseOrigin(selector)?.origin : undefined;
  if (host === undefined) return false;
  if (wanted !== undefined) return host === wanted;
  return new URL(host).host === parseOrigin(`https://${selector}`)?.host;
}

function namesOf(workspaces: readonly { readonly name: string }[]): string {
  return workspaces.map(({ name }) => name).join(', ');
}

function noDefaultError(workspaces: readonly { readonly name: string }[]): LonghaulError {
  return configError(`Several workspaces are configured and none is the default (${namesOf(workspaces)}).`, {
    advice: 'Name one in the task as `workspace`, or set DATABRICKS_CONFIG_PROFILE.',
  });
}

function unusableError(problem: UnusableWorkspace): LonghaulError {
  return configError(`The Databricks workspace ${problem.name} cannot be used: ${problem.reason}.`);
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_REQUEST_TIMEOUT_MS;
  const ms = Number(text);
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw configError('LONGHAUL_HTTP_TIMEOUT_MS must be a number of milliseconds above 0.', {
    advice: 'Unset it for the default of one minute.',
  });
}

function readConfigFile(
  env: LoadWorkspacesOptions['env'],
  readFile: (path: string) => string | undefined,
): { readonly path: string; readonly text: string | undefined } {
  const home = env['HOME'] ?? homedir();
  const path = (env['DATABRICKS_CONFIG_FILE'] ?? join(home, '.databrickscfg')).replace(/^~(?=\/)/, home);
  return { path, text: readFile(path) };
}

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new LonghaulError('CONFIG', `The Databricks configuration file ${path} cannot be read.`, { cause });
  }
}
