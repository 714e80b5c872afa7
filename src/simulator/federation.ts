import { createPublicKey, verify, type KeyObject } from 'node:crypto';

import { LonghaulError } from '../connector/errors';
import { isWireObject, parseWireJson, readInteger, readText, type WireObject } from './wire-json';

/** Whose tokens are exchanged for the workspace's own, as in an account's federation policy. */
export interface FederationPolicy {
  readonly issuer: string;
  readonly audience: string;
  /** PEM. Without one the signature is not looked at. */
  readonly publicKey?: string;
}

export interface Federation {
  /** Takes exactly this text as a subject token, whatever is in it. */
  readonly allow: (subjectToken: string) => void;
  /** Why a subject token is refused; nothing if it is taken. */
  refusalOf(form: URLSearchParams): string | undefined;
}

const JWT_TYPES = ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token'];
/** Databricks takes these two. An ES256 signature in a JWT is two plain numbers. */
const ALGORITHMS: Readonly<Record<string, 'der' | 'ieee-p1363'>> = { RS256: 'der', ES256: 'ieee-p1363' };

interface Policy extends FederationPolicy {
  readonly key: KeyObject | undefined;
}

/** @throws CONFIG for a key that is none */
export function createFederation(policies: readonly FederationPolicy[]): Federation {
  const allowed = new Set<string>();
  const known = policies.map((policy): Policy => ({ ...policy, key: toKey(policy) }));
  return {
    allow: (subjectToken) => {
      allowed.add(subjectToken);
    },
    refusalOf: (form) => {
      const token = form.get('subject_token') ?? '';
      if (token === '') return 'subject_token is missing';
      if (!JWT_TYPES.includes(form.get('subject_token_type') ?? '')) {
        return 'subject_token_type must be a JWT';
      }
      return allowed.has(token) ? undefined : refusalOfJwt(token, known);
    },
  };
}

function toKey({ publicKey, issuer }: FederationPolicy): KeyObject | undefined {
  if (publicKey === undefined) return undefined;
  try {
    return createPublicKey(publicKey);
  } catch (cause) {
    throw new LonghaulError('CONFIG', `The public key of ${issuer} is not a key in PEM.`, { cause });
  }
}

/** The identity provider's clock is the real one. */
function refusalOfJwt(token: string, policies: readonly Policy[]): string | undefined {
  const [header, claims] = token.split('.').slice(0, 2).map(decodePart);
  if (header === undefined || claims === undefined) return 'the subject token is not a JWT';
  const policy = policies.find(({ issuer, audience }) => isMeant(claims, issuer, audience));
  if (policy === undefined) {
    return 'no federation policy has the issuer and the audience of the subject token';
  }
  if ((readInteger(claims, 'exp') ?? 0) * 1000 <= Date.now()) return 'the subject token is expired';
  return isSigned(token, readText(header, 'alg') ?? '', policy) ? undefined : 'the signature is not valid';
}

function decodePart(part: string): WireObject | undefined {
  try {
    const value = parseWireJson(Buffer.from(part, 'base64url').toString('utf8'));
    return isWireObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMeant(claims: WireObject, issuer: string, audience: string): boolean {
  const audiences = [claims['aud']].flat();
  return claims['iss'] === issuer && audiences.includes(audience);
}

function isSigned(token: string, algorithm: string, { key }: Policy): boolean {
  if (key === undefined) return true;
  const dsaEncoding = ALGORITHMS[algorithm];
  if (dsaEncoding === undefined) return false;
  const [header = '', claims = '', signature = ''] = token.split('.');
  const signed = Buffer.from(`${header}.${claims}`);
  return verify('sha256', signed, { key, dsaEncoding }, Buffer.from(signature, 'base64url'));
}
