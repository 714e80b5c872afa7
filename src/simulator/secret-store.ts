import fs from 'node:fs';
import path from 'node:path';

import { LonghaulError } from '../connector/errors';

export interface SecretValue {
  readonly scope: string;
  readonly key: string;
  readonly value: string;
}

/** The secrets that notebooks may read. */
export interface SecretStore {
  readonly set: (secret: SecretValue) => void;
}

type Scopes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Kept as `secrets.json` beside the folders of the programs, where a notebook reads it at each call. */
export function createSecretStore(folder: string, secrets: readonly SecretValue[]): SecretStore {
  const file = path.join(folder, 'secrets.json');
  const set = ({ scope, key, value }: SecretValue): void => {
    const scopes = readScopes(file);
    const changed = { ...scopes, [scope]: { ...scopes[scope], [key]: value } };
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.writeFileSync(`${file}.new`, JSON.stringify(changed), { mode: 0o600 });
    fs.renameSync(`${file}.new`, file);
  };
  secrets.forEach(set);
  return { set };
}

function readScopes(file: string): Scopes {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Scopes) : {}; // we wrote it
}

/** Reads `SCOPE/KEY=VALUE`. @throws CONFIG */
export function parseSecret(text: string): SecretValue {
  const [, scope, key, value] = /^([^/=]+)\/([^=]+)=(.*)$/s.exec(text) ?? [];
  if (scope !== undefined && key !== undefined && value !== undefined) return { scope, key, value };
  throw new LonghaulError('CONFIG', 'A secret is given as SCOPE/KEY=VALUE.'); // never the text itself
}
