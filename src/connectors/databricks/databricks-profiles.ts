import { parse } from 'ini';
import { LonghaulError } from '../../connector';
import {
  normalizeHost,
  type Workspace,
  type WorkspaceAuth,
  type WorkspaceHost,
} from './databricks-workspace';

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
}

type Environment = Readonly<Record<string, string | undefined>>;

interface SourceOptions {
  readonly env: Environment;
  readonly configFile: { readonly path: string; readonly text: string | undefined };
  readonly requestTimeoutMs: number;
}

/** What one place says of one workspace, before it is judged. */
interface Candidate {
  readonly name: string;
  readonly host: string | undefined;
  readonly token: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly authType: string | undefined;
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

function environmentCandidates(env: Environment): Candidate[] {
  const clientId = presence(env['DATABRICKS_CLIENT_ID']);
  const clientSecret = presence(env['DATABRICKS_CLIENT_SECRET']);
  const flyteToken = presence(env['FLYTE_DATABRICKS_ACCESS_TOKEN']);
  const own: Candidate = {
    name: 'default',
    host: presence(env['DATABRICKS_HOST']),
    token: presence(env['DATABRICKS_TOKEN']),
    clientId,
    clientSecret,
    authType: presence(env['DATABRICKS_AUTH_TYPE']),
  };
  const flyte: Candidate = {
    name: 'flyte',
    host: presence(env['FLYTE_DATABRICKS_INSTANCE']),
    token: flyteToken,
    clientId,
    clientSecret,
    // As flytekit does: a token wins unless the variable says otherwise.
    authType: presence(env['FLYTE_DATABRICKS_AUTH_TYPE']) ?? (flyteToken === undefined ? undefined : 'pat'),
  };
  return [own, flyte].filter(({ host }) => host !== undefined);
}

function profileCandidates(sections: ReadonlyMap<string, Readonly<Record<string, string>>>): Candidate[] {
  const profiles = [...sections].filter(([name]) => name !== SETTINGS_SECTION);
  return profiles.map(([name, section]) => ({
    name,
    host: presence(section['host']),
    token: presence(section['token']),
    clientId: presence(section['client_id']),
    clientSecret: presence(section['client_secret']),
    authType: presence(section['auth_type']),
  }));
}

function presence(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function judge(candidate: Candidate, requestTimeoutMs: number): Workspace | UnusableWorkspace {
  const { name } = candidate;
  if (candidate.host === undefined) return { name, reason: 'it has no host' };
  try {
    const place = { name, host: normalizeHost(candidate.host), requestTimeoutMs };
    const auth = judgeAuth(candidate);
    return typeof auth === 'string' ? { name, place, reason: auth } : { ...place, auth };
  } catch (thrown) {
    return { name, reason: LonghaulError.from(thrown).message.replace(/\.$/, '') };
  }
}

/** The credentials, or why there are none. */
function judgeAuth(candidate: Candidate): WorkspaceAuth | string {
  const { token, clientId, clientSecret } = candidate;
  const pat = token === undefined ? undefined : ({ kind: 'pat', token } as const);
  const oauth =
    clientId === undefined || clientSecret === undefined
      ? undefined
      : ({ kind: 'oauth-m2m', clientId, clientSecret } as const);
  switch (candidate.authType?.toLowerCase().replaceAll('_', '-')) {
    case 'pat':
      return pat ?? 'auth type pat needs a token';
    case 'oauth-m2m':
      return oauth ?? 'auth type oauth-m2m needs a client id and a client secret';
    case undefined:
      if (pat !== undefined && oauth !== undefined) {
        return 'more than one authorization method is configured; choose one by its auth type';
      }
      return pat ?? oauth ?? 'it has neither a token nor a client id with a client secret';
    default:
      return `auth type ${candidate.authType ?? ''} is not supported (supported: pat, oauth-m2m)`;
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
