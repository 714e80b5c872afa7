import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isJsonObject } from '../connector/json';
import { LonghaulError } from '../connector/errors';

/**
 * The version in Longhaul's own package.json, found upwards from this file: sources and `dist` lie at different depths.
 * @throws INTERNAL when the package is incomplete.
 */
export function readPackageVersion(): string {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const version = versionIn(join(folder, 'package.json'));
    if (version !== undefined) return version;
  }
  throw new LonghaulError('INTERNAL', 'The package.json of longhaul is missing.');
}

function versionIn(file: string): string | undefined {
  const manifest = readJson(file);
  if (!isJsonObject(manifest) || manifest['name'] !== 'longhaul') return undefined;
  const version = manifest['version'];
  return typeof version === 'string' ? version : undefined;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
