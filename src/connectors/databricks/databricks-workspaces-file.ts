import { parseDocument } from 'yaml';
import { z } from 'zod';

import { isSecretReference, LonghaulError, type JsonValue } from '../../connector';
import { configError, normalizeHost, type Workspace } from './databricks-workspace';

/** Tasks of these projects that name no workspace run in this one. */
export interface ProjectRule {
  /** Exact, or with a trailing `*`. */
  readonly project: string;
  readonly workspace: string;
}

/** A file of named workspaces, read. */
export interface WorkspacesFile {
  readonly default?: string;
  readonly workspaces: readonly Workspace[];
  readonly rules: readonly ProjectRule[];
}

const name = z.string({ error: 'must be text' }).min(1, { error: 'must not be empty' });
const pattern = name.refine((text) => !text.slice(0, -1).includes('*'), {
  error: 'may hold * only at the end',
});
const REFERENCE = /^(env:.+|file:\/.+|profile:.+|k8s:[^/]+\/[^/]+\/[^/]+)$/;

/** A value, or where it is read. */
const secret = z.custom<string | { $secret: string }>(isSecretText, {
  error: 'must be text or { $secret: env:NAME | file:/PATH | profile:NAME/KEY | k8s:NAMESPACE/SECRET/KEY }',
});

function isSecretText(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  return isSecretReference(value as JsonValue) && REFERENCE.test((value as { $secret: string }).$secret);
}

const rate = z.number({ error: 'must be a number' }).positive({ error: 'must be above 0' });
const limits = z.strictObject({
  requestsPerSecond: rate.exactOptional(),
  submitsPerSecond: rate.exactOptional(),
});

const azure = {
  resourceId: name.exactOptional(),
  environment: z.enum(['PUBLIC', 'USGOVERNMENT', 'CHINA']).exactOptional(),
};

const identityToken = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token'), token: secret }),
  z.strictObject({ kind: z.literal('github') }),
  z.strictObject({ kind: z.literal('azure-devops') }),
  z.strictObject({ kind: z.literal('kubernetes'), namespace: name, serviceAccount: name }),
]);

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pat'), token: secret }),
  z.strictObject({ kind: z.literal('oauth-m2m'), clientId: secret, clientSecret: secret }),
  z.strictObject({
    kind: z.literal('oidc-federation'),
    source: identityToken,
    clientId: secret.exactOptional(),
    audience: name.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('azure-cli'), tenantId: name.exactOptional(), ...azure }),
  z.strictObject({ kind: z.literal('azure-managed-identity'), clientId: name.exactOptional(), ...azure }),
  z.strictObject({
    kind: z.literal('azure-client-secret'),
    clientId: secret,
    clientSecret: secret,
    tenantId: name.exactOptional(),
    ...azure,
  }),
  z.strictObject({ kind: z.literal('google-id'), serviceAccount: name }),
  z.strictObject({ kind: z.literal('google-credentials'), credentials: secret }),
  z.strictObject({ kind: z.literal('profile'), profile: name }),
]);

/** These say what runs, so they are a task's own. */
const NO_DEFAULTS: ReadonlySet<string> = new Set([
  ...['tasks', 'job_id', 'job_name', 'run_name', 'idempotency_token', 'run_id'],
]);
const defaults = z.record(
  z.string().refine((key) => !NO_DEFAULTS.has(key), { error: 'says what runs, and so belongs to a task' }),
  z.json(),
);

const workspace = z.strictObject({
  host: name.exactOptional(),
  auth,
  limits: limits.exactOptional(),
  defaults: defaults.exactOptional(),
  projects: z.array(pattern).exactOptional(),
});

const file = z.strictObject({
  default: name.exactOptional(),
  workspaces: z.record(name, workspace),
  rules: z.array(z.strictObject({ project: pattern, workspace: name })).exactOptional(),
});

type FileWorkspace = z.infer<typeof workspace>;

/** What a file takes from around it. */
export interface WorkspacesFileContext {
  readonly path: string;
  readonly requestTimeoutMs: number;
  /** Finds a workspace of `~/.databrickscfg`. @throws CONFIG. */
  readonly profile: (name: string) => Workspace;
  /** Told of a workspace that cannot be used, which is then left out. Without it that is thrown. */
  readonly onUnusable?: OnUnusable | undefined;
}

export type OnUnusable = (name: string, problem: LonghaulError) => void;

/**
 * Reads YAML or JSON. References stay references: they are resolved when a token is needed.
 * @throws CONFIG naming the field and what it may be, and never a value.
 */
export function parseWorkspacesFile(text: string, context: WorkspacesFileContext): WorkspacesFile {
  const parsed = file.safeParse(parseText(text, context.path));
  if (!parsed.success) throw fileError(context.path, wordsOf(parsed.error));
  const { workspaces, rules = [], default: defaultName } = parsed.data;
  const names = Object.keys(workspaces);
  assertKnown(defaultName, 'default', { names, path: context.path });
  rules.forEach((rule, index) => {
    assertKnown(rule.workspace, `rules[${index}].workspace`, { names, path: context.path });
  });
  return {
    workspaces: Object.entries(workspaces).flatMap((entry) => toUsable(entry, context)),
    rules,
    ...(defaultName === undefined ? {} : { default: defaultName }),
  };
}

function parseText(text: string, path: string): unknown {
  const document = parseDocument(text);
  const [problem] = document.errors;
  // The parser's own words quote the line, and that may hold a secret.
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    throw fileError(path, `is neither YAML nor JSON${line === undefined ? '' : ` (line ${line})`}`);
  }
  return document.toJS();
}

function wordsOf(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'is not well-formed';
  const path = issue.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('');
  return `${path === '' ? 'the file' : path.slice(1)}: ${issue.message}`;
}

function assertKnown(
  wanted: string | undefined,
  field: string,
  { names, path }: { readonly names: readonly string[]; readonly path: string },
): void {
  if (wanted === undefined || names.includes(wanted)) return;
  throw fileError(
    path,
    `${field}: names no workspace of the file (there are: ${names.join(', ') || 'none'})`,
  );
}

function toUsable(entry: [string, FileWorkspace], context: WorkspacesFileContext): Workspace[] {
  try {
    return [toWorkspace(entry, context)];
  } catch (thrown) {
    if (context.onUnusable === undefined || !(thrown instanceof LonghaulError)) throw thrown;
    context.onUnusable(entry[0], thrown);
    return [];
  }
}

function toWorkspace([key, given]: [string, FileWorkspace], context: WorkspacesFileContext): Workspace {
  const { auth: givenAuth, host, ...rest } = given;
  const profile = givenAuth.kind === 'profile' ? findProfile(key, givenAuth.profile, context) : undefined;
  const own = profile?.auth ?? givenAuth;
  if (own.kind === 'profile') {
    throw fileError(context.path, `workspaces.${key}.auth: is a profile of a profile`);
  }
  return {
    ...rest,
    name: key,
    host: hostOf(key, host ?? profile?.host, context.path),
    requestTimeoutMs: context.requestTimeoutMs,
    auth: own,
  };
}

function findProfile(key: string, profile: string, context: WorkspacesFileContext): Workspace {
  try {
    return context.profile(profile);
  } catch (thrown) {
    const { message } = LonghaulError.from(thrown);
    throw fileError(context.path, `workspaces.${key}.auth: profile ${profile} cannot be used: ${message}`);
  }
}

function hostOf(key: string, host: string | undefined, path: string): string {
  if (host === undefined) throw fileError(path, `workspaces.${key}.host: is missing`);
  try {
    return normalizeHost(host);
  } catch (thrown) {
    throw fileError(path, `workspaces.${key}.host: ${LonghaulError.from(thrown).message}`);
  }
}

function fileError(path: string, what: string): LonghaulError {
  return configError(`LONGHAUL_WORKSPACES (${path}): ${what}`, {
    advice: 'docs/workspaces.md shows a file with every kind of authentication.',
  });
}
