import { apiError } from './api-error';
import {
  createTokenEndpoint,
  TOKEN_EXCHANGE,
  type TokenEndpoint,
  type TokenEndpointOptions,
} from './token-endpoint';
import { assertNotExpired, type TokenTrouble } from './token-trouble';
import { WORKSPACE_ID } from './views';
import type { WireObject } from './wire-json';

export interface AuthOptions extends TokenEndpointOptions {
  readonly tokens: readonly string[];
  readonly tokenTrouble: TokenTrouble;
}

export interface Auth {
  /**
   * @throws ApiError 401 without a credential, 403 with one that was never good or is revoked, and as
   * {@link TokenTrouble} says with an expired one
   */
  readonly assertBearer: (authorization: string | undefined) => void;
  readonly issueToken: TokenEndpoint;
  readonly allowToken: (token: string) => void;
  readonly revokeToken: (token: string) => void;
  readonly allowSubject: (subjectToken: string) => void;
  readonly setTokenTrouble: (trouble: Partial<TokenTrouble>) => void;
}

export function createAuth(options: AuthOptions): Auth {
  const { workspace, clock, federation } = options;
  const allowed = new Set(options.tokens);
  let trouble = options.tokenTrouble;
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
      assertNotExpired(expiresAt, clock.now(), trouble);
    },
    issueToken: createTokenEndpoint(options),
    allowToken: (token) => {
      allowed.add(token);
    },
    revokeToken: (token) => {
      allowed.delete(token);
      workspace.accessTokens.delete(token);
    },
    allowSubject: federation.allow,
    setTokenTrouble: (changes) => {
      trouble = { ...trouble, ...changes };
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
    grant_types_supported: ['client_credentials', TOKEN_EXCHANGE],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    scopes_supported: ['all-apis'],
  };
}
