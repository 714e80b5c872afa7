import { readFileSync } from 'node:fs';

import { LonghaulError } from '../connector/errors';
import {
  parseFaultSpec,
  parseSecret,
  parseWebhook,
  type FederationPolicy,
  type RateOptions,
  type SimulatorOptions,
  type TokenTrouble,
} from '../simulator';

/** What `longhaul simulate` is told of the trouble it shall make, and of what lies around the workspace. */
export interface SimulatedTrouble {
  readonly tokenLifetime: number;
  readonly tokenSkew: number;
  readonly expiredAs: '401' | '403';
  readonly federation: readonly string[];
  readonly rate?: string;
  readonly rateRetryAfter: NonNullable<RateOptions['rateRetryAfter']>;
  readonly rateCode: NonNullable<RateOptions['rateCode']>;
  readonly secret: readonly string[];
  readonly webhook: readonly string[];
  readonly fault: readonly string[];
}

/** @throws CONFIG naming the option that is wrong */
export function parseTrouble(options: SimulatedTrouble): SimulatorOptions {
  const tokenTrouble: TokenTrouble = {
    skewSeconds: options.tokenSkew,
    expiredStatus: options.expiredAs === '401' ? 401 : 403,
  };
  return {
    tokenTrouble,
    tokenLifetimeSeconds: options.tokenLifetime,
    federation: options.federation.map(parseFederation),
    ...(options.rate === undefined ? {} : parseRate(options.rate)),
    rateRetryAfter: options.rateRetryAfter,
    rateCode: options.rateCode,
    secrets: options.secret.map(parseSecret),
    webhooks: options.webhook.map(parseWebhook),
    faults: options.fault.map(parseFaultSpec),
  };
}

/** `20`, or `submit=5,get=10`, or both: `20,submit=5`. */
function parseRate(text: string): RateOptions {
  const parts = text.split(',').map((part) => /^(?:([\w-]+)=)?(\d+)$/.exec(part.trim()));
  const rates: Record<string, number> = {};
  let overall: RateOptions = {};
  for (const part of parts) {
    if (part === null) {
      throw new LonghaulError('CONFIG', `--rate takes 20, or submit=5,get=10, not '${text}'.`);
    }
    const [, operation, rate] = part;
    if (operation === undefined) overall = { ratePerSecond: Number(rate) };
    else rates[operation] = Number(rate);
  }
  return { ...overall, rates };
}

function parseFederation(text: string): FederationPolicy {
  const [issuer = '', audience = '', keyFile] = text.split(',');
  if (issuer === '' || audience === '') {
    throw new LonghaulError('CONFIG', `--federation takes ISSUER,AUDIENCE[,KEYFILE], not '${text}'.`);
  }
  return { issuer, audience, ...(keyFile === undefined ? {} : { publicKey: readKey(keyFile) }) };
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new LonghaulError('CONFIG', `The key file ${file} cannot be read.`, { cause });
  }
}
