import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = import.meta.dirname;

const BELOW_WORKER = [
  ...['src/connector', 'src/connectors', 'src/config', 'src/temporal', 'src/simulator'],
  ...['src/telemetry', 'activities', 'workflows'],
];
const BELOW_SERVICE = [...BELOW_WORKER, 'src/client', 'src/worker'];

/**
 * The house: who may import whom. A folder imports itself, what `imports` lists, and of `types` the types only.
 * `packages` is a regular expression of the packages it may not import; without one it may import any.
 */
export const HOUSE = [
  {
    folder: 'src/connector',
    imports: [],
    packages: '^[^.]',
    rule: 'src/connector is the pure contract: nothing else of ours, no package, no Node module.',
  },
  ...connectorFolders().map((folder) => ({
    folder,
    imports: ['src/connector'],
    packages: '^@temporalio/',
    rule: 'A connector imports src/connector and its own folder, never another connector, never Temporal.',
  })),
  {
    folder: 'src/config',
    imports: ['src/connector'],
    rule: 'src/config imports src/connector only.',
  },
  {
    folder: 'src/temporal',
    imports: ['src/connector', 'src/config'],
    rule: 'src/temporal imports src/connector and src/config only.',
  },
  {
    folder: 'src/telemetry',
    imports: ['src/connector', 'src/config', 'src/temporal'],
    rule: 'src/telemetry imports src/connector, src/config and src/temporal only.',
  },
  {
    folder: 'src/simulator',
    imports: ['src/connector'],
    packages: '^@temporalio/',
    rule: 'The simulator is the other side of the wire: src/connector only, never a connector.',
  },
  {
    folder: 'activities',
    imports: ['src/connector', 'src/config'],
    packages: '^(?!\\.|node:|@temporalio/(activity|common)$)',
    rule: 'activities/ import src/connector, src/config, @temporalio/activity and @temporalio/common only.',
  },
  {
    folder: 'workflows',
    imports: ['src/connector'],
    types: ['activities'],
    packages: '^(?!\\.|@temporalio/(workflow|common)$)',
    rule: 'workflows/ import @temporalio/workflow, @temporalio/common, src/connector and types of activities/.',
  },
  {
    folder: 'src/client',
    imports: ['src/connector', 'src/config', 'src/temporal'],
    types: ['activities', 'workflows'],
    rule: 'src/client imports src/connector, src/config, src/temporal and types of workflows/ and activities/.',
  },
  {
    folder: 'src/worker',
    imports: BELOW_WORKER,
    rule: 'src/worker imports what lies below it; not client, service or cli.',
  },
  {
    folder: 'src/service',
    imports: BELOW_SERVICE,
    rule: 'src/service imports what lies below it; not cli.',
  },
  {
    folder: 'src/cli',
    imports: ['src', 'activities', 'workflows'],
    rule: 'Nobody imports from test/, bench/ or examples/.',
  },
  {
    folder: 'src/index.ts',
    imports: [...BELOW_SERVICE, 'src/service'],
    rule: 'The front door imports what lies below cli.',
  },
  {
    folder: 'bench',
    imports: ['src', 'activities', 'workflows'],
    rule: 'Nobody imports from test/, bench/ or examples/.',
  },
  {
    folder: 'examples',
    imports: ['src', 'activities', 'workflows'],
    rule: 'Nobody imports from test/, bench/ or examples/.',
  },
];

function connectorFolders() {
  const folder = join(root, 'src/connectors');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `src/connectors/${entry.name}`);
}

/** Zones of `import-x/no-restricted-paths`; they see every import that resolves to a file, type or value. */
export const ZONES = HOUSE.map(({ folder, imports, types = [], rule }) => ({
  target: `./${folder}`,
  from: '.',
  except: ['./node_modules', `./${folder}`, ...[...imports, ...types].map((name) => `./${name}`)],
  message: rule,
}));

/** Patterns of `@typescript-eslint/no-restricted-imports`: what depends on the words of the import, not on files. */
export function importPatterns({ types, packages, rule }) {
  const patterns = [];
  if (packages !== undefined) patterns.push({ regex: packages, message: rule });
  if (types !== undefined) {
    patterns.push({ regex: `^\\..*/(${types.join('|')})(/|$)`, allowTypeImports: true, message: rule });
  }
  return patterns;
}

/** Selectors of `no-restricted-syntax`: `await import('…')` must not be a way around {@link importPatterns}. */
export function dynamicImportSelectors(entry) {
  return importPatterns(entry).map(({ regex, message }) => ({
    selector: `ImportExpression[source.value=/${regex.replaceAll('/', '\\u002F')}/]`,
    message,
  }));
}

/** Files a folder (or a single file) of the house stands for. */
export function filesOf({ folder }) {
  return folder.endsWith('.ts') ? [folder] : [`${folder}/**/*.ts`];
}
