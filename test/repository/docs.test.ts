import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import {
  createProgram,
  createCompilerHost,
  getPreEmitDiagnostics,
  flattenDiagnosticMessageText,
} from 'typescript';
import { ModuleKind, ModuleResolutionKind, ScriptTarget, type CompilerOptions } from 'typescript';

import { ERROR_TABLE } from '../../src/connector/errors';
import { REPOSITORY } from './lint-house';

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path));
}

const ROOT_DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];
const DOCUMENTS = [...ROOT_DOCUMENTS, ...filesBelow('docs', '.md')];

/** What stands in fences and in back-ticks: there a command is a command. */
function codeOf(text: string): string[] {
  const fences = [...text.matchAll(/^ *```[^\n]*\n([\s\S]*?)^ *```/gm)].flatMap(([, code = '']) =>
    code.split('\n'),
  );
  const prose = text.replace(/^ *```[^\n]*\n[\s\S]*?^ *```/gm, '');
  return [...fences, ...[...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)];
}

/** Rows of all tables of a document, as cells without back-ticks. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('docs/errors.md', () => {
  const rows = rowsOf(read('docs/errors.md')).filter(([code = '']) => /^[A-Z][A-Z_]+$/.test(code));

  test('documents every code of the error table and no other', () => {
    expect(rows.map(([code]) => code)).toEqual(Object.keys(ERROR_TABLE));
  });

  test.each(Object.entries(ERROR_TABLE))('says of %s what the table says', (code, row) => {
    const documented = rows.find(([name]) => name === code)?.slice(1, 5);
    const { meaning, retryable, grpcStatus, exitCode } = row;
    expect(documented).toEqual([meaning, retryable ? 'yes' : 'no', grpcStatus, String(exitCode)]);
  });
});

describe('the command line', () => {
  const source = filesBelow('src/cli', '.ts').map(read).join('\n');
  const declared = [
    ...source.matchAll(/\bdeclare\(\s*program,\s*'([a-z]+)/g),
    ...source.matchAll(/\.alias\('([a-z]+)'\)/g),
    ...source.matchAll(/\[\s*'([a-z]+)',\s*'start a task/g),
  ].map(([, name]) => name);
  const options = new Set([...source.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option));
  const shown = DOCUMENTS.flatMap((path) => codeOf(read(path)).map((line) => ({ path, line })));
  const commands = shown.flatMap(({ path, line }) =>
    [...line.matchAll(/(?<![\w./-])longhaul ([a-z]\S*)([^|;&)]*)/g)].map(([, name = '', rest = '']) => ({
      path,
      name,
      options: [...rest.matchAll(/(?<=^|\s)--[a-z][a-z-]*/g)].map(([option]) => option),
    })),
  );

  test('the commands are found in the sources', () => {
    expect(declared).toEqual(expect.arrayContaining(['run', 'submit', 'get', 'status', 'list', 'dev']));
  });

  test('every command shown in a document exists', () => {
    expect(commands.length).toBeGreaterThan(50);
    expect(commands.filter(({ name }) => !declared.includes(name))).toEqual([]);
  });

  test('every option of a command shown in a document exists', () => {
    expect(commands.flatMap((command) => command.options.filter((option) => !options.has(option)))).toEqual(
      [],
    );
  });

  test('every command is in the table of README.md', () => {
    const table = rowsOf(read('README.md'))
      .map(([cell = '']) => cell)
      .join('\n');
    expect(declared.filter((name) => !table.includes(`longhaul ${name ?? ''}`))).toEqual([]);
  });
});

describe('links', () => {
  const links = DOCUMENTS.flatMap((path) => {
    const prose = read(path).replace(/^ *```[^\n]*\n[\s\S]*?^ *```/gm, '');
    return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ path, target }));
  }).filter(({ target }) => !/^https?:/.test(target));

  test.each(links)('$path → $target', ({ path, target }) => {
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : join(dirname(path), file);
    expect(existsSync(join(REPOSITORY, found))).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(read(found))).toContain(anchor);
  });

  test('README.md has a picture', () => {
    expect(read('README.md')).toMatch(/!\[[^\]]{40,}\]\(docs\/pictures\/temporal-ui\.png\)/);
    expect(statSync(join(REPOSITORY, 'docs/pictures/temporal-ui.png')).size).toBeGreaterThan(10_000);
  });

  test('every guide is linked from README.md', () => {
    expect(
      DOCUMENTS.filter((path) => path.startsWith('docs/') && !read('README.md').includes(`](${path})`)),
    ).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('environment variables', () => {
  const sources = [
    ...['src', 'activities', 'workflows'].flatMap((folder) => filesBelow(folder, '.ts')),
    ...['docker-compose.yml', 'node_modules/@temporalio/envconfig/lib/envconfig-toml.js'],
  ]
    .map(read)
    .join('\n');
  const names = (text: string, pattern: RegExp): string[] => [...new Set(text.match(pattern))].sort();
  const documented = read('docs/install.md');

  test('those in docs/install.md are read somewhere', () => {
    const named = names(documented, /\b(LONGHAUL|TEMPORAL|DATABRICKS|FLYTE)_[A-Z_]+\b\*?/g);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !sources.includes(name))).toEqual([]);
  });

  test('all of ours are in docs/install.md', () => {
    const ours = names(sources, /\bLONGHAUL_[A-Z_]*[A-Z]\b/g).filter((name) => name !== 'LONGHAUL_SECRET');
    expect(ours.filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the text', () => {
  test.each(DOCUMENTS)('%s names no registry host and no path of the machine it was written on', (path) => {
    const elsewhere =
      /registry\.(npmjs|yarnpkg)|npmjs\.(org|com)|pypi\.org|pythonhosted|\/work\/|\/root\/|\/home\/\w/;
    expect(elsewhere.exec(read(path))?.[0]).toBeUndefined();
  });

  test.each(DOCUMENTS)('%s keeps its prose within 110 characters a line', (path) => {
    const prose = read(path).replace(/^ *```[^\n]*\n[\s\S]*?^ *```/gm, '');
    const long = prose.split('\n').filter((line) => line.length > 110 && !/^\||^!\[/.test(line));
    expect(long).toEqual([]);
  });

  test.each(DOCUMENTS)('%s is spelled the American way', (path) => {
    expect(read(path).match(/cancell(ed|ing|er)|behaviour|colour|\bserialis|\bauthoris/gi)).toBeNull();
  });
});

describe('examples in TypeScript', () => {
  const examples = new Map(
    DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(
        ([, code = ''], index) => [join(REPOSITORY, `${path}.${index}.ts`), code] as const,
      ),
    ),
  );

  test('compile as they stand', () => {
    expect(examples.size).toBeGreaterThanOrEqual(3);
    expect(compile(examples)).toEqual([]);
  });
});

const COMPILER: CompilerOptions = {
  ...{ strict: true, noEmit: true, skipLibCheck: true, exactOptionalPropertyTypes: true },
  ...{
    module: ModuleKind.Node16,
    moduleResolution: ModuleResolutionKind.Node16,
    target: ScriptTarget.ES2022,
  },
  types: ['node'],
  paths: { longhaul: [join(REPOSITORY, 'src/index.ts')] },
};

/** The complaints of the compiler about the given texts, as if they were files beside their documents. */
function compile(texts: ReadonlyMap<string, string>): string[] {
  const host = createCompilerHost(COMPILER);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  const program = createProgram([...texts.keys()], COMPILER, host);
  return [...texts.keys()]
    .flatMap((path) => getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ file, messageText }) => {
      const place = file === undefined ? '' : relative(REPOSITORY, file.fileName);
      return `${place}: ${flattenDiagnosticMessageText(messageText, '\n')}`;
    });
}
