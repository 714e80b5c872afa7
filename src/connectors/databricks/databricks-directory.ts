import { LonghaulError, matchesPattern } from '../../connector';
import type { UnusableWorkspace, WorkspaceSources } from './databricks-profiles';
import { configError, parseOrigin, type Workspace, type WorkspaceHost } from './databricks-workspace';

/** Whose task asks for a workspace. Absent where no task asks. */
export interface WorkspaceAsker {
  readonly project?: string | undefined;
  /** The task was let in before, so it is found its workspace and not turned away: what it started must be stoppable. */
  readonly isAdmitted?: boolean;
}

/** The workspaces this process may talk to. */
export interface WorkspaceDirectory {
  readonly workspaces: readonly Workspace[];
  /**
   * Finds a workspace by its name or its host; without a selector the one that a rule gives the asker's project, else
   * the default one. Of several with one host, the first that is open to the asker.
   * @throws CONFIG naming what is missing and how to configure it; PERMISSION_DENIED for a project that may not use it.
   */
  resolve(selector?: string, asker?: WorkspaceAsker): Workspace;
  /**
   * The same for a task that brings its own token: a workspace without usable credentials will do, as long as its host
   * is configured. Where `resolve` finds a workspace, this finds the same.
   * @throws as `resolve`.
   */
  resolveHost(selector?: string, asker?: WorkspaceAsker): WorkspaceHost;
  /** The workspaces that only `resolveHost` gives, each with the reason. */
  readonly hostsOnly: readonly (WorkspaceHost & { readonly reason: string })[];
}

/** A directory of ready-made workspaces, for callers that configure by code. */
export function createWorkspaceDirectory(
  sources: Pick<WorkspaceSources, 'workspaces'> & Partial<WorkspaceSources>,
): WorkspaceDirectory {
  const all: WorkspaceSources = { ...sources, unusable: sources.unusable ?? [] };
  const { workspaces, unusable } = all;
  return {
    workspaces,
    resolve: (selector, asker) => {
      const found = find(all, selector, asker);
      if ('reason' in found) throw unusableError(found);
      return found;
    },
    resolveHost: (selector, asker) => {
      const found = find(all, selector, asker);
      if (!('reason' in found)) return found;
      if (found.place === undefined) throw unusableError(found);
      assertChosen(found, selector, all);
      return found.place;
    },
    hostsOnly: unusable.flatMap(({ place, reason }) => (place === undefined ? [] : [{ ...place, reason }])),
  };
}

type Found = Workspace | UnusableWorkspace;

function find(
  sources: WorkspaceSources,
  selector: string | undefined,
  asker: WorkspaceAsker | undefined,
): Found {
  const wanted = selector === '' ? undefined : selector;
  const ruled = wanted ?? workspaceOfProject(sources, asker);
  if (ruled === undefined) return assertOpen(findDefault(sources), asker);
  return findSelected(sources, ruled, asker);
}

function workspaceOfProject(
  { rules = [] }: WorkspaceSources,
  asker: WorkspaceAsker | undefined,
): string | undefined {
  const project = asker?.project;
  if (project === undefined) return undefined;
  return rules.find((rule) => matchesPattern(rule.project, project))?.workspace;
}

/** May tasks of this project use the workspace? */
function isOpen(found: Found, asker: WorkspaceAsker | undefined): boolean {
  const projects = 'reason' in found ? found.place?.projects : found.projects;
  if (projects === undefined || asker === undefined) return true;
  const { project } = asker;
  return project !== undefined && projects.some((pattern) => matchesPattern(pattern, project));
}

function assertOpen(found: Found, asker: WorkspaceAsker | undefined): Found {
  if (asker?.isAdmitted === true || isOpen(found, asker)) return found;
  const who = asker?.project === undefined ? 'tasks without a project' : `tasks of project ${asker.project}`;
  throw new LonghaulError('PERMISSION_DENIED', `The workspace ${found.name} is not open to ${who}.`, {
    field: 'workspace',
    advice: 'Name another workspace, or ask the operator to list the project in its `projects`.',
  });
}

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

function findSelected(
  { workspaces, unusable }: WorkspaceSources,
  selector: string,
  asker: WorkspaceAsker | undefined,
): Found {
  const byName = workspaces.find(({ name }) => name === selector);
  if (byName !== undefined) return assertOpen(byName, asker);
  const byHost = workspaces.filter(({ host }) => isSameHost(host, selector));
  const [first] = byHost;
  if (first !== undefined) return assertOpen(byHost.find((each) => isOpen(each, asker)) ?? first, asker);
  const problem = unusable.find(({ name, place }) => name === selector || isSameHost(place?.host, selector));
  if (problem !== undefined) return assertOpen(problem, asker);
  const looksLikeHost = /[.:]/.test(selector);
  throw configError(
    looksLikeHost
      ? `The Databricks host ${selector} is not configured here, so it gets no credentials.`
      : `No Databricks workspace is named ${selector} (configured: ${namesOf(workspaces) || 'none'}).`,
  );
}

/** Is this the workspace's host, as people write hosts? */
export function isSameHost(host: string | undefined, selector: string): boolean {
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
