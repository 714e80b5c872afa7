import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '../../fixtures/flyte');

export function fixturePath(name: string): string {
  return join(FOLDER, name);
}

export function readFixtureBytes(name: string): Uint8Array {
  const bytes = readFileSync(fixturePath(name));
  return name.endsWith('.b64') ? Buffer.from(bytes.toString('utf8'), 'base64') : bytes;
}

export function readFixtureJson(name: string): never {
  // `never` goes wherever a document of a known shape is expected: fixtures are trusted.
  return JSON.parse(readFileSync(fixturePath(name), 'utf8')) as never;
}

/** The templates of one version of Flyte. */
export function templateNames(version: 'v1' | 'v2'): string[] {
  return readdirSync(FOLDER).filter((name) => name.startsWith(`template-${version}-`));
}
