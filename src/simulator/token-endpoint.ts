import { randomBytes, timingSafeEqual } from 'node:crypto';

import type { Clock } from './clock';
import type { Federation } from './federation';
import type { WireObject } from './wire-json';
import type { Workspace } from './workspace';

export interface OauthClient {
  readonly id: string;
  readonly secret: string;
}

export interface TokenEndpointOptions {
  readonly clients: readonly OauthClient[];
  readonly federation: Federation;
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

/**
 * RFC 6749 §4.4, where the client names itself by HTTP Basic (the SDKs) or in the form (flytekit); or RFC 8693, which
 * exchanges a token of an identity provider.
 */
export type TokenEndpoint = (authorization: string | undefined, form: URLSearchParams) => TokenAnswer;

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  const { clients, federation, workspace } = options;
  return (authorization, form) => {
    const grant = form.get('grant_type') ?? '';
    const { tokenGrants } = workspace.counters;
    tokenGrants[grant] = (tokenGrants[grant] ?? 0) + 1;
    switch (grant) {
      case 'client_credentials': {
        const given = basicClient(authorization) ?? formClient(form);
        const isKnown = given !== undefined && clients.some((client) => isSame(client, given));
        if (isKnown) return { status: 200, body: issue(options) };
        return oauthError(401, 'invalid_client', 'Client authentication failed');
      }
      case TOKEN_EXCHANGE: {
        const refusal = federation.refusalOf(form);
        if (refusal !== undefined) return oauthError(400, 'invalid_request', refusal);
        return { status: 200, body: { ...issue(options), issued_token_type: ACCESS_TOKEN } };
      }
      default:
        return oauthError(400, 'unsupported_grant_type', 'client_credentials or a token exchange is wanted');
    }
  };
}

function issue({ workspace, clock, tokenLifetimeSeconds }: TokenEndpointOptions): WireObject {
  const token = `simulated-oauth-${randomBytes(16).toString('hex')}`;
  workspace.accessTokens.set(token, clock.now() + tokenLifetimeSeconds * 1000);
  const expiresIn = Math.max(1, Math.floor(tokenLifetimeSeconds / clock.state().speed)); // the client's clock is real
  return { access_token: token, token_type: 'Bearer', expires_in: expiresIn, scope: 'all-apis' };
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
