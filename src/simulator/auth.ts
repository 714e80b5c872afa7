import { randomBytes, timingSafeEqual } from 'node:crypto';

import { apiError } from './api-error';
import type { Clock } from './clock';
import { WORKSPACE_ID } from './views';
import type { WireObject } from './wire-json';
import type { Workspace } from './workspace';

export interface OauthClient {
  readonly id: string;
  readonly secret: string;
}

export interface AuthOptions {
  readonly tokens: readonly string[];
  readonly clients: readonly OauthClient[];
  /** Simulated seconds an OAuth access token lives. */
  readonly tokenLifetimeSeconds: number;
  readonly workspace: Workspace;
  readonly clock: Clock;
}

/** A token endpoint's answer: OAuth has its own error envelope. */
export interface TokenAnswer {
  readonly status: number;
  readonly body: WireObject;
}

export interface Auth {
  /** @throws ApiError 401 without or with an expired credential, 403 with one that was never good or is revoked */
  readonly assertBearer: (authorization: string | undefined) => void;
  /** RFC 6749 §4.4; the client names itself by HTTP Basic (the SDKs) or in the form (flytekit). */
  readonly issueToken: (authorization: string | undefined, form: URLSearchParams) => TokenAnswer;
  readonly allowToken: (token: string) => void;
  readonly revokeToken: (token: string) => void;
}

export function createAuth({ tokens, clients, tokenLifetimeSeconds, workspace, clock }: AuthOptions): Auth {
  const allowed = new Set(tokens);
  const issue = (): WireObject => {
    const token = `simulated-oauth-${randomBytes(16).toString('hex')}`;
    workspace.accessTokens.set(token, clock.now() + tokenLifetimeSeconds * 1000);
    const expiresIn = Math.max(1, Math.floor(tokenLifetimeSeconds / clock.state().speed)); // the client's clock is real
    return { access_token: token, token_type: 'Bearer', expires_in: expiresIn, scope: 'all-apis' };
  };
  return {
    assertBearer: (authorization) => {
      const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) {
        throw apiError(
          'UNAUTHENTICATED',
          'Credential was not sent or was of an unsupported type for this API.',
        );
      }
      if (allowed.has(token)) return;
      const expiresAt = workspace.accessTokens.get(token);
      if (expiresAt === undefined) throw apiError('PERMISSION_DENIED', 'Invalid access token.');
      if (expiresAt <= clock.now()) throw apiError('UNAUTHENTICATED', 'Token is expired.');
    },
    issueToken: (authorization, form) => {
      if (form.get('grant_type') !== 'client_credentials') {
        return oauthError(400, 'unsupported_grant_type', 'Only client_credentials is supported');
      }
      const given = basicClient(authorization) ?? formClient(form);
      const isKnown = given !== undefined && clients.some((client) => isSame(client, given));
      return isKnown
        ? { status: 200, body: issue() }
        : oauthError(401, 'invalid_client', 'Client authentication failed');
    },
    allowToken: (token) => {
      allowed.add(token);
    },
    revokeToken: (token) => {
      allowed.delete(token);
      workspace.accessTokens.delete(token);
    },
  };
}

/** GET .well-known/databricks-config: where SDKs begin. */
export function hostMetadata(baseUrl: string): WireObject {
  return {
    oidc_endpoint: `${baseUrl}/oidc`,
    workspace_id: WORKSPACE_ID,
    account_id: '00000000-0000-0000-0000-000000000000',
    cloud: 'AWS',
    host_type: 'workspace',
  };
}

/** GET .well-known/oauth-authorization-server, RFC 8414 */
export function oauthMetadata(baseUrl: string): WireObject {
  return {
    issuer: `${baseUrl}/oidc`,
    authorization_endpoint: `${baseUrl}/oidc/v1/authorize`,
    token_endpoint: `${baseUrl}/oidc/v1/token`,
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    scopes_supported: ['all-apis'],
  };
}

function oauthError(status: number, error: string, description: string): TokenAnswer {
  return { status, body: { error, error_description: description } };
}

function basicClient(authorization: string | undefined): OauthClient | undefined {
  const encoded = /^Basic\s+(\S+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [id = '', ...secret] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { id: formDecode(id), secret: formDecode(secret.join(':')) };
}

/** RFC 6749 has both parts form-encoded inside Basic; clients that do not encode them are taken as they are. */
function formDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function formClient(form: URLSearchParams): OauthClient | undefined {
  const id = form.get('client_id');
  return id === null ? undefined : { id, secret: form.get('client_secret') ?? '' };
}

function isSame(one: OauthClient, other: OauthClient): boolean {
  const secrets = [one.secret, other.secret].map((secret) => Buffer.from(secret)) as [Buffer, Buffer]; // two in, two out
  return one.id === other.id && secrets[0].length === secrets[1].length && timingSafeEqual(...secrets);
}
