import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lintInEmptyHouse, type Problems, REPOSITORY } from './lint-house';

/** A text that breaks one rule, where it stands, and the rule that must say so. */
interface Breach {
  readonly file: string;
  readonly text: string;
  readonly says: string;
}

const longFunction = `export function long(): void {\n${'  void 0;\n'.repeat(60)}}\n`;

const CODE: Readonly<Record<string, Breach>> = {
  'a file ends at 400 lines': {
    file: 'src/config/long-file.ts',
    text: 'export const one = 1;\n'.padEnd(22 + 400, '\n'),
    says: 'max-lines ',
  },
  'a test file ends at 600 lines': {
    file: 'test/long.test.ts',
    text: 'export const one = 1;\n'.padEnd(22 + 600, '\n'),
    says: 'max-lines ',
  },
  'a function ends at 60 lines': {
    file: 'src/config/long-function.ts',
    text: longFunction,
    says: 'max-lines-per-function',
  },
  'three parameters are enough': {
    file: 'src/config/parameters.ts',
    text: 'export const add = (a: number, b: number, c: number, d: number): number => a + b + c + d;\n',
    says: '@typescript-eslint/max-params',
  },
  'exports are named': {
    file: 'src/config/default.ts',
    text: 'const one = 1;\nexport default one;\n',
    says: 'import-x/no-default-export',
  },
  'no enums': {
    file: 'src/config/enum.ts',
    text: 'export enum Color {\n  Red = "red",\n}\n',
    says: 'no-restricted-syntax No enums',
  },
  'no any': {
    file: 'src/config/any.ts',
    text: 'export const use = (value: any): unknown => value;\n',
    says: '@typescript-eslint/no-explicit-any',
  },
  'what is any by accident is not used': {
    file: 'src/config/unsafe.ts',
    text: "export const use = (): string => JSON.parse('1').name;\n",
    says: '@typescript-eslint/no-unsafe-',
  },
  'no non-null assertion': {
    file: 'src/config/bang.ts',
    text: 'export const use = (value: string | undefined): string => value!;\n',
    says: '@typescript-eslint/no-non-null-assertion',
  },
  'types are imported as types': {
    file: 'src/config/type-import.ts',
    text: "import { Chair } from './room';\n\nexport const use = (chair: Chair): number => chair.legs;\n",
    says: '@typescript-eslint/consistent-type-imports',
  },
  'a switch is exhaustive': {
    file: 'src/config/switch.ts',
    text: "export function use(value: 'a' | 'b'): number {\n  switch (value) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
    says: '@typescript-eslint/switch-exhaustiveness-check',
  },
  'a promise is awaited': {
    file: 'src/config/floating.ts',
    text: 'export function use(work: () => Promise<void>): void {\n  work();\n}\n',
    says: '@typescript-eslint/no-floating-promises',
  },
  'only the CLI writes to the console': {
    file: 'src/config/console.ts',
    text: "console.log('hello');\n",
    says: 'no-console',
  },
  'no bare Error': {
    file: 'src/config/error.ts',
    text: "export const fail = (): never => {\n  throw new Error('no');\n};\n",
    says: 'no-restricted-syntax No bare Error',
  },
  'no bare Error in workflows either': {
    file: 'workflows/error.ts',
    text: "export const fail = (): never => {\n  throw new Error('no');\n};\n",
    says: 'no-restricted-syntax No bare Error',
  },
  'a suppression that suppresses nothing goes': {
    file: 'src/config/suppression.ts',
    text: '// eslint-disable-next-line no-console\nexport const one = 1;\n',
    says: 'eslint Unused eslint-disable',
  },
  'a suppression of the compiler gives its reason': {
    file: 'src/config/expect.ts',
    text: "// @ts-expect-error\nexport const one: number = 'one';\n",
    says: '@typescript-eslint/ban-ts-comment',
  },
  'Node modules are imported with their prefix': {
    file: 'src/config/prefix.ts',
    text: "import { join } from 'path';\n\nexport const use = join;\n",
    says: '@typescript-eslint/no-restricted-imports',
  },
  'sources do not use what only developers install': {
    file: 'src/config/extraneous.ts',
    text: "import fc from 'fast-check';\n\nexport const use = fc.string;\n",
    says: 'import-x/no-extraneous-dependencies',
  },
  'no cycles': {
    file: 'src/config/cycle-a.ts',
    text: "import { b } from './cycle-b';\n\nexport const a = (): number => b() + 1;\n",
    says: 'import-x/no-cycle',
  },
};

const CYCLE = {
  'src/config/cycle-b.ts': "import { a } from './cycle-a';\n\nexport const b = (): number => a() + 1;\n",
};

type Edge = readonly [importer: string, imported: string];

const edges = (importer: string, imported: readonly string[]): Edge[] =>
  imported.map((name) => [importer, name]);

/** Importer → what it must not import. Paths are folders of the house, the rest are packages. */
const FORBIDDEN: readonly Edge[] = [
  ...edges('src/connector', [
    'src/config',
    'src/client',
    'src/temporal',
    'zod',
    'node:fs',
    '@temporalio/common',
  ]),
  ...edges('src/connectors/databricks', [
    'src/connectors/airflow',
    'src/config',
    'src/client',
    'src/service',
  ]),
  ...edges('src/connectors/databricks', ['src/temporal', 'src/cli', 'activities', '@temporalio/common']),
  ...edges('src/config', ['src/temporal', 'src/client', 'src/connectors/databricks', 'activities']),
  ...edges('src/temporal', [
    'src/connectors/databricks',
    'src/client',
    'src/worker',
    'activities',
    'workflows',
  ]),
  ...edges('src/simulator', ['src/connectors/databricks', 'src/config', 'src/client', '@temporalio/client']),
  ...edges('activities', ['src/connectors/databricks', 'workflows', 'src/client', 'src/worker', 'src/cli']),
  ...edges('activities', ['@temporalio/workflow', '@temporalio/client', 'zod']),
  ...edges('workflows', ['src/config', 'src/temporal', 'src/client', 'src/connectors/databricks']),
  ...edges('workflows', ['node:fs', 'node:crypto', 'zod', '@temporalio/activity', '@temporalio/client']),
  ...edges('src/client', [
    'src/connectors/databricks',
    'src/worker',
    'src/service',
    'src/cli',
    'src/simulator',
  ]),
  ...edges('src/worker', ['src/client', 'src/service', 'src/cli']),
  ...edges('src/service', ['src/cli', 'test']),
  ...edges('src/cli', ['test', 'bench', 'examples']),
  ...edges('bench', ['test', 'examples']),
  ...edges('examples', ['test', 'bench']),
];

const ALLOWED: readonly Edge[] = [
  ...edges('src/connectors/databricks', ['src/connector', 'undici', 'node:fs']),
  ...edges('src/simulator', ['src/connector', 'node:http']),
  ...edges('src/config', ['src/connector', 'zod', 'node:fs']),
  ...edges('src/temporal', ['src/connector', 'src/config', '@temporalio/client']),
  ...edges('activities', ['src/connector', 'src/config', '@temporalio/activity', 'node:timers/promises']),
  ...edges('workflows', ['src/connector', '@temporalio/workflow', '@temporalio/common', 'activities']),
  ...edges('src/client', ['src/connector', 'src/config', 'src/temporal', 'workflows', 'activities']),
  ...edges('src/worker', ['src/connectors/databricks', 'src/temporal', 'activities', 'workflows']),
  ...edges('src/service', ['src/client', 'src/worker', 'src/connector']),
  ...edges('src/cli', ['src/service', 'src/worker', 'src/client', 'src/simulator', 'src/connectors/airflow']),
  ...edges('test', ['src/cli', 'activities', 'workflows', 'bench', 'fast-check']),
];

/** Types may come in, values may not. */
const TYPES_ONLY: readonly Edge[] = [
  ...edges('workflows', ['activities']),
  ...edges('src/client', ['activities', 'workflows']),
];

const isFolder = (name: string): boolean => /^(src\/|activities|workflows|test|bench|examples)/.test(name);

function specifierOf([importer, imported]: Edge): string {
  return isFolder(imported) ? `${'../'.repeat(importer.split('/').length)}${imported}/room` : imported;
}

function fileOf(kind: 'bad' | 'dynamic' | 'good' | 'value', [importer, imported]: Edge): string {
  return `${importer}/${kind}-${imported.replaceAll(/[^a-z]+/g, '-')}.ts`;
}

/** A folder of ours is imported for a type only, the weakest way there is; a package as a whole. */
function staticImport(edge: Edge): string {
  const what = isFolder(edge[1]) ? 'type { Chair }' : '* as all';
  return `export ${what} from '${specifierOf(edge)}';\n`;
}

function valueImport(edge: Edge): string {
  return `import { chairs } from '${specifierOf(edge)}';\n\nexport const use = chairs;\n`;
}

function dynamicImport(edge: Edge): string {
  return `export const load = (): Promise<unknown> => import('${specifierOf(edge)}');\n`;
}

function importProbes(): Record<string, string> {
  return Object.fromEntries([
    ...FORBIDDEN.map((edge) => [fileOf('bad', edge), staticImport(edge)] as const),
    ...FORBIDDEN.map((edge) => [fileOf('dynamic', edge), dynamicImport(edge)] as const),
    ...ALLOWED.map((edge) => [fileOf('good', edge), staticImport(edge)] as const),
    ...TYPES_ONLY.map((edge) => [fileOf('value', edge), valueImport(edge)] as const),
  ]);
}

const CLEAN = `import type { Chair } from './room';

/** As many legs as the switch can tell. */
export function legsOf(kind: 'stool' | 'chair', chair: Chair): number {
  switch (kind) {
    case 'stool':
      return 3;
    case 'chair':
      return chair.legs;
    default:
      return kind satisfies never;
  }
}
`;

describe('the gates', () => {
  let problems: Problems;

  beforeAll(async () => {
    const breaches = Object.values(CODE).map(({ file, text }) => [file, text] as const);
    problems = await lintInEmptyHouse({
      ...Object.fromEntries(breaches),
      ...CYCLE,
      ...importProbes(),
      'src/config/clean.ts': CLEAN,
      'src/cli/console.ts': "console.log('hello');\n",
      'test/long-function.ts': longFunction,
      'test/error.ts': "export const error = new Error('no');\n",
    });
  });

  const problemsOf = (file: string) => problems.get(file) ?? [`${file} was not linted`];

  test.each(Object.entries(CODE))('%s', (_rule, { file, says }) => {
    expect(problemsOf(file)).toContainEqual(expect.stringContaining(says));
  });

  test.each([
    ['clean code', 'src/config/clean.ts'],
    ['the console in the CLI', 'src/cli/console.ts'],
    ['a long describe in a test', 'test/long-function.ts'],
    ['a bare Error in a test', 'test/error.ts'],
  ])('%s passes', (_what, file) => {
    expect(problemsOf(file)).toEqual([]);
  });

  test.each(FORBIDDEN)('%s never imports %s', (importer, imported) => {
    const restricted = expect.stringMatching(/no-restricted-(paths|imports) /);
    expect(problemsOf(fileOf('bad', [importer, imported]))).toContainEqual(restricted);
  });

  test.each(FORBIDDEN)('%s never imports %s by import() either', (importer, imported) => {
    const restricted = expect.stringMatching(/no-restricted-(paths|syntax) /);
    expect(problemsOf(fileOf('dynamic', [importer, imported]))).toContainEqual(restricted);
  });

  test.each(ALLOWED)('%s may import %s', (importer, imported) => {
    expect(problemsOf(fileOf('good', [importer, imported]))).toEqual([]);
  });

  test.each(TYPES_ONLY)('%s imports types of %s, never values', (importer, imported) => {
    const restricted = expect.stringContaining('no-restricted-imports');
    expect(problemsOf(fileOf('value', [importer, imported]))).toContainEqual(restricted);
  });
});

describe('the house', () => {
  test('has no folder without an import rule', () => {
    const rules = readFileSync(join(REPOSITORY, 'eslint.imports.mjs'), 'utf8');
    const folders = readdirSync(join(REPOSITORY, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'connectors')
      .map((entry) => `folder: 'src/${entry.name}'`);
    expect(folders.filter((folder) => !rules.includes(folder))).toEqual([]);
  });
});
