import { parse } from 'ini';
import { LonghaulError } from '../../connector';
import { judgeAuth, SETTING_VARIABLES, type Settings } from './databricks-auth-methods';
import type { ProjectRule } from './databricks-workspaces-file';
import { normalizeHost, type Workspace, type WorkspaceHost } from './databricks-workspace';

/** A workspace that is named somewhere but lacks something; said when somebody asks for it. */
export interface UnusableWorkspace {
  readonly name: string;
  /** Where it is, if that much is known: enough for a task that brings its own token. */
  readonly place?: WorkspaceHost;
  readonly reason: string;
}

export interface WorkspaceSources {
  readonly workspaces: readonly Workspace[];
  readonly unusable: readonly UnusableWorkspace[];
  /** Which one is meant when a task names none. */
  readonly defaultName?: string | undefined;
  /** Which one is meant for tasks of certain projects that name none; the first that matches counts. */
  readonly rules?: readonly ProjectRule[];
}

type Environment = Readonly<Record<string, string | undefined>>;

interface SourceOptions {
  readonly env: Environment;
  readonly configFile: ConfigFile;
  readonly requestTimeoutMs: number;
}

/** Databricks' configuration file, as it was read. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string | undefined;
}

/** What one place says of one workspace, before it is judged. */
interface Candidate {
  readonly name: string;
  readonly settings: Settings;
}

/** A section of this name configures the tools, not a workspace. */
const SETTINGS_SECTION = '__settings__';

/** Collects the workspaces of environment and file; of equal names the environment's wins. */
export function readWorkspaceSources(options: SourceOptions): WorkspaceSources {
  const { env, configFile, requestTimeoutMs } = options;
  const sections = readSections(configFile.text ?? '');
  const candidates = [...environmentCandidates(env), ...profileCandidates(sections)];
  const workspaces: Workspace[] = [];
  const unusable: UnusableWorkspace[] = [];
  for (const candidate of candidates) {
    if (workspaces.some(({ name }) => name === candidate.name)) continue;
    const judged = judge(candidate, requestTimeoutMs);
    if ('reason' in judged) unusable.push(judged);
    else workspaces.push(judged);
  }
  const defaultName = findDefaultName(env, sections, candidates);
  assertProfileExists(env, defaultName, { candidates, path: configFile.path });
  return { workspaces, unusable, defaultName };
}

/** One key of a profile, such as `token`; undefined when profile or key is not there. */
export function readProfileKey(configFile: ConfigFile, name: string, key: string): string | undefined {
  return presence(readSections(configFile.text ?? '').get(name)?.[key]);
}

function environmentCandidates(env: Environment): Candidate[] {
  const own = { name: 'default', settings: readVariables(env) };
  const flyte = { name: 'flyte', settings: flyteSettings(env) };
  return [own, flyte].filter(({ settings }) => settings['host'] !== undefined);
}

function readVariables(env: Environment): Settings {
  const entries = Object.entries(SETTING_VARIABLES);
  return Object.fromEntries(entries.map(([key, variable]) => [key, presence(env[variable])]));
}

/** Where Kubernetes and AWS put identity tokens for pods; both are only looked at when federation is asked for. */
const FLYTE_TOKEN_FILE = '/var/run/secrets/databricks/token';

/** As flytekit does: a token wins unless the variable says otherwise. */
function flyteSettings(env: Environment): Settings {
  const token = presence(env['FLYTE_DATABRICKS_ACCESS_TOKEN']);
  const authType = presence(env['FLYTE_DATABRICKS_AUTH_TYPE']) ?? (token === undefined ? undefined : 'pat');
  const tokenFile = presence(env['FLYTE_DATABRICKS_OIDC_TOKEN_FILE']);
  const isFederated = authType?.replaceAll('-', '_') === 'oidc_federation';
  const fallbackFile = isFederated
    ? (presence(env['AWS_WEB_IDENTITY_TOKEN_FILE']) ?? FLYTE_TOKEN_FILE)
    : undefined;
  return {
    host: presence(env['FLYTE_DATABRICKS_INSTANCE']),
    token,
    client_id: presence(env['DATABRICKS_CLIENT_ID']),
    client_secret: presence(env['DATABRICKS_CLIENT_SECRET']),
    auth_type: authType,
    oidc_token_filepath: tokenFile ?? fallbackFile,
    audience: presence(env['FLYTE_DATABRICKS_OIDC_AUDIENCE']),
  };
}

function profileCandidates(sections: ReadonlyMap<string, Readonly<Record<string, string>>>): Candidate[] {
  const profiles = [...sections].filter(([name]) => name !== SETTINGS_SECTION);
  return profiles.map(([name, section]) => ({
    name,
    settings: Object.fromEntries(Object.entries(section).map(([key, value]) => [key, presence(value)])),
  }));
}

function presence(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function judge({ name, settings }: Candidate, requestTimeoutMs: number): Workspace | UnusableWorkspace {
  if (settings['host'] === undefined) return { name, reason: 'it has no host' };
  try {
    const place = { name, host: normalizeHost(settings['host']), requestTimeoutMs };
    const judged = judgeAuth(settings);
    if (typeof judged === 'string') return { name, place, reason: judged };
    const [auth, ...otherAuths] = judged;
    return { ...place, auth, ...(otherAuths.length === 0 ? {} : { otherAuths }) };
  } catch (thrown) {
    return { name, reason: LonghaulError.from(thrown).message.replace(/\.$/, '') };
  }
}

/** Explicit host, then named profile, then Flyte's instance, then the file's own default. */
function findDefaultName(
  env: Environment,
  sections: ReadonlyMap<string, Readonly<Record<string, string>>>,
  candidates: readonly Candidate[],
): string | undefined {
  const names = candidates.map(({ name }) => name);
  if (presence(env['DATABRICKS_HOST']) !== undefined) return 'default';
  const profile = presence(env['DATABRICKS_CONFIG_PROFILE']);
  if (profile !== undefined) return profile;
  if (names.includes('flyte')) return 'flyte';
  return sections.get(SETTINGS_SECTION)?.['default_profile'] ?? names.find((name) => name === 'DEFAULT');
}

function assertProfileExists(
  env: Environment,
  defaultName: string | undefined,
  found: { readonly candidates: readonly Candidate[]; readonly path: string },
): void {
  const profile = presence(env['DATABRICKS_CONFIG_PROFILE']);
  if (profile === undefined || profile !== defaultName) return;
  if (found.candidates.some(({ name }) => name === profile)) return;
  throw new LonghaulError('CONFIG', `${found.path} has no ${profile} profile configured.`, {
    advice: 'Unset DATABRICKS_CONFIG_PROFILE or add that profile.',
  });
}

/** Sections by name. The ini package nests names with dots; a profile name is one flat word here. */
function readSections(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  collectSections(parse(text), '', sections);
  return sections;
}

function collectSections(value: unknown, name: string, into: Map<string, Record<string, string>>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === 'object') collectSections(member, name === '' ? key : `${name}.${key}`, into);
    else if (name !== '') into.set(name, { ...into.get(name), [key]: String(member) });
  }
}
