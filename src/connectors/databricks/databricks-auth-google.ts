import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isJsonObject, LonghaulError, type JsonObject } from '../../connector';
import type { Grant } from './databricks-auth';
import { askForeignEndpoint, parseGrant, type TokenQuestion } from './databricks-auth-endpoint';
import type { IssuerContext } from './databricks-identity';
import { parseLosslessJson, textAt } from './databricks-json';
import type { GoogleAuth } from './databricks-workspace';

/** As Databricks' own tools ask for it: it calls Google in the caller's name. */
const SCOPES = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/compute'];
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const WHO = 'Google';
/** Google's longest, and the life of each of its id tokens. */
const LIFETIME_SECONDS = 3_600;

/** A service account's key signs for itself: an id token for the workspace, an access token beside it. */
export async function issueGoogleKeyToken(
  auth: Extract<GoogleAuth, { kind: 'google-credentials' }>,
  context: IssuerContext,
): Promise<Grant> {
  const key = await readCredentials(await context.read(auth.credentials));
  if (textAt(key, 'type') !== 'service_account') {
    throw configError('The Google credentials are no key of a service account.');
  }
  const idToken = await askWithKey(key, { target_audience: context.host }, context);
  const access = await ifGranted(askWithKey(key, { scope: SCOPES.join(' ') }, context));
  return toGrant(textAt(idToken, 'id_token'), access === undefined ? undefined : parseGrant(access, WHO));
}

/** The machine's default credentials act as a service account, which they must be allowed to. */
export async function issueGoogleIdToken(
  { serviceAccount }: Extract<GoogleAuth, { kind: 'google-id' }>,
  context: IssuerContext,
): Promise<Grant> {
  const { token } = await defaultCredentials(context);
  const act = (verb: string, json: JsonObject): Promise<JsonObject> => {
    const origin = context.ports.env['CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS'] ?? IAM_CREDENTIALS;
    const account = encodeURIComponent(serviceAccount);
    const url = `${origin.replace(/\/$/, '')}/v1/projects/-/serviceAccounts/${account}:${verb}`;
    return ask(url, { headers: { authorization: `Bearer ${token}` }, json, secrets: [token] }, context);
  };
  const idToken = await act('generateIdToken', { audience: context.host, includeEmail: true });
  const lifetime = `${LIFETIME_SECONDS}s`;
  const access = await ifGranted(act('generateAccessToken', { scope: SCOPES, lifetime }));
  const accessToken = textAt(access ?? {}, 'accessToken');
  return toGrant(textAt(idToken, 'token'), accessToken === undefined ? undefined : { token: accessToken });
}

const IAM_CREDENTIALS = 'https://iamcredentials.googleapis.com';

/** The access token is an extra: a workspace lets in by the id token, so who may not have it goes without. */
async function ifGranted<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof LonghaulError && thrown.code === 'UNAUTHENTICATED') return undefined;
    throw thrown;
  }
}

function toGrant(idToken: string | undefined, access: Grant | undefined): Grant {
  if (idToken === undefined) throw noToken();
  const lifetimeMs = LIFETIME_SECONDS * 1000;
  if (access === undefined) return { token: idToken, lifetimeMs };
  return {
    token: idToken,
    lifetimeMs: Math.min(lifetimeMs, access.lifetimeMs ?? lifetimeMs),
    headers: { 'X-Databricks-GCP-SA-Access-Token': access.token },
  };
}

/** Google's own order: the file that is named, the one that gcloud wrote, the machine itself. */
async function defaultCredentials(context: IssuerContext): Promise<Grant> {
  const { env } = context.ports;
  const named = env['GOOGLE_APPLICATION_CREDENTIALS'];
  if (named !== undefined && named !== '') return fromFile(await readCredentials(named), context);
  const written = join(env['HOME'] ?? '', '.config/gcloud/application_default_credentials.json');
  const text = await readFile(written, 'utf8').catch(() => undefined);
  return text === undefined ? fromMachine(context) : fromFile(parseCredentials(text), context);
}

async function fromFile(file: JsonObject, context: IssuerContext): Promise<Grant> {
  const type = textAt(file, 'type');
  if (type === 'service_account') {
    return parseGrant(await askWithKey(file, { scope: SCOPES.join(' ') }, context), WHO);
  }
  if (type !== 'authorized_user') {
    throw configError(`Google credentials of type ${type ?? 'unknown'} are not supported.`);
  }
  const [clientId, clientSecret, refreshToken] = ['client_id', 'client_secret', 'refresh_token'].map(
    (name) => textAt(file, name) ?? '',
  ) as [string, string, string]; // map loses the length
  const form = {
    grant_type: 'refresh_token',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
  };
  const url = textAt(file, 'token_uri') ?? TOKEN_URL;
  return parseGrant(await ask(url, { form, secrets: [clientSecret, refreshToken] }, context), WHO);
}

async function fromMachine(context: IssuerContext): Promise<Grant> {
  const host = context.ports.env['GCE_METADATA_HOST'] ?? 'metadata.google.internal';
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`;
  const question = { headers: { 'metadata-flavor': 'Google' }, secrets: [] };
  return parseGrant(await ask(url, question, context), WHO);
}

/** RFC 7523: the key signs what it asks for. */
async function askWithKey(key: JsonObject, claims: JsonObject, context: IssuerContext): Promise<JsonObject> {
  const url = textAt(key, 'token_uri') ?? TOKEN_URL;
  const assertion = sign(key, { ...claims, aud: url });
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  return ask(url, { form, secrets: [assertion] }, context);
}

function sign(key: JsonObject, claims: JsonObject): string {
  const email = textAt(key, 'client_email') ?? '';
  const issuedAt = Math.floor(Date.now() / 1000);
  const payload = { ...claims, iss: email, iat: issuedAt, exp: issuedAt + LIFETIME_SECONDS };
  const unsigned = [{ alg: 'RS256', typ: 'JWT', kid: textAt(key, 'private_key_id') ?? '' }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  try {
    const signature = createSign('RSA-SHA256')
      .update(unsigned)
      .sign(textAt(key, 'private_key') ?? '');
    return `${unsigned}.${signature.toString('base64url')}`;
  } catch {
    // What the library says of a broken key may quote it.
    throw configError('The private key of the Google credentials cannot be used.');
  }
}

/** The JSON itself, or the path of the file that holds it. */
async function readCredentials(text: string): Promise<JsonObject> {
  if (text.trimStart().startsWith('{')) return parseCredentials(text);
  try {
    return parseCredentials(await readFile(text, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof LonghaulError) throw thrown;
    throw configError('The file of the Google credentials cannot be read.');
  }
}

function parseCredentials(text: string): JsonObject {
  try {
    const value = parseLosslessJson(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: the parser's words may quote a key.
  }
  throw configError('The Google credentials are no JSON object.');
}

function ask(url: string, question: TokenQuestion, context: IssuerContext): Promise<JsonObject> {
  return askForeignEndpoint({ who: WHO, url }, question, context);
}

function noToken(): LonghaulError {
  return new LonghaulError('UNAVAILABLE', 'Google did not answer with a token.');
}

function configError(message: string): LonghaulError {
  return new LonghaulError('CONFIG', message, {
    advice: 'Name the JSON key of a service account, or run gcloud auth application-default login.',
  });
}
