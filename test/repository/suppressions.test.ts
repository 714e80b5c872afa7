import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './lint-house';

const FOLDERS = ['src', 'workflows', 'activities', 'test', 'bench', 'examples', 'scripts'];

/** Made by the build and checked by nobody's eye. */
const GENERATED = join('src', 'service', 'generated');

interface Line {
  readonly place: string;
  readonly text: string;
}

function linesOf(folder: string): Line[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs|js)$/.test(path))
    .map((path) => join(folder, path))
    .filter((path) => !path.startsWith(GENERATED))
    .flatMap((path) => {
      const lines = readFileSync(join(REPOSITORY, path), 'utf8').split('\n');
      return lines.map((text, index) => ({ place: `${path}:${index + 1}`, text }));
    });
}

describe('a suppression', () => {
  const lines = FOLDERS.flatMap(linesOf);
  const suppressions = lines.filter(({ text }) => /^\s*(\/\/|\/\*) *eslint-disable/.test(text));

  test('gives its reason on its line', () => {
    const silent = suppressions.filter(({ text }) => !/ -- \S+/.test(text));
    expect(silent.map(({ place }) => place)).toEqual([]);
  });

  test('covers one line, never a file', () => {
    const wide = suppressions.filter(({ text }) => !/eslint-disable-(next-)?line/.test(text));
    expect(wide.map(({ place }) => place)).toEqual([]);
  });

  test('is never a silenced compiler', () => {
    const silenced = lines.filter(({ text }) => /^\s*(\/\/|\/\*) *@ts-(ignore|nocheck)/.test(text));
    expect(silenced.map(({ place }) => place)).toEqual([]);
  });
});
