import { builtinModules } from 'node:module';
import js from '@eslint/js';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { dynamicImportSelectors, filesOf, HOUSE, importPatterns, ZONES } from './eslint.imports.mjs';

const BARE_BUILTINS = {
  regex: `^(${builtinModules.filter((name) => /^[a-z]/.test(name) && !name.includes(':')).join('|')})$`,
  message: 'Write the node: prefix.',
};

const NO_ENUMS = {
  selector: 'TSEnumDeclaration',
  message: 'No enums: use an `as const` list and a derived type.',
};
const NO_EXPORT_ASSIGNMENT = {
  selector: 'TSExportAssignment',
  message: 'Named exports only.',
};
const NO_BARE_ERRORS = {
  selector: ':matches(NewExpression, CallExpression)[callee.name="Error"]',
  message: 'No bare Error: throw a LonghaulError, whose code callers can act on.',
};
const EVERYWHERE = [NO_ENUMS, NO_EXPORT_ASSIGNMENT];

/** How large a piece of code may get. The list of exemptions is empty and stays so. */
const SIZES = {
  'max-lines': ['error', { max: 400 }],
  'max-lines-per-function': ['error', { max: 60 }],
  '@typescript-eslint/max-params': ['error', { max: 3 }],
};

const STYLE = {
  curly: ['error', 'multi-line'],
  eqeqeq: 'error',
  'no-param-reassign': 'error',
  'no-console': 'error',
  'object-shorthand': 'error',
  'prefer-template': 'error',
  '@typescript-eslint/consistent-type-assertions': [
    'error',
    { assertionStyle: 'as', objectLiteralTypeAssertions: 'never' },
  ],
  '@typescript-eslint/consistent-type-exports': 'error',
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
  '@typescript-eslint/explicit-module-boundary-types': 'error',
  '@typescript-eslint/no-import-type-side-effects': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { requireDefaultForNonUnion: true }],
};

/** Where the presets' defaults fight the house style; each with its reason. */
const ADJUSTMENTS = {
  // `() => log.info(…)` reads better than the same in braces.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
  // `while (true)` is how a poll loop says what it is.
  '@typescript-eslint/no-unnecessary-condition': [
    'error',
    { allowConstantLoopConditions: 'only-allowed-literals' },
  ],
  // Implementing a port without awaiting anything must still reject, not throw: `async` says so.
  '@typescript-eslint/require-await': 'off',
  // A number in a message has one way to be written; objects, null and undefined do not.
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
  // What createX returns is made of closures: taking one of its functions out of it is safe.
  '@typescript-eslint/unbound-method': 'off',
  // tsc reports unused names already, with the same `_` convention.
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
};

const IMPORTS = {
  'import-x/first': 'error',
  'import-x/newline-after-import': 'error',
  'import-x/no-cycle': ['error', { ignoreExternal: true }],
  'import-x/no-default-export': 'error',
  'import-x/no-duplicates': 'error',
  'import-x/no-extraneous-dependencies': ['error', { devDependencies: ['test/**', 'bench/**'] }],
  'import-x/no-mutable-exports': 'error',
  'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones: ZONES }],
  'import-x/no-self-import': 'error',
  'import-x/order': ['error', { groups: ['builtin', 'external', 'parent', ['sibling', 'index']] }],
};

function restrictImports(patterns = []) {
  return {
    '@typescript-eslint/no-restricted-imports': ['error', { patterns: [BARE_BUILTINS, ...patterns] }],
  };
}

function restrictSyntax(selectors) {
  return { 'no-restricted-syntax': ['error', ...EVERYWHERE, ...selectors] };
}

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'python/', 'test/fixtures/', 'src/service/generated/', '.longhaul/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      importX.flatConfigs.typescript,
    ],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ alwaysTryTypes: true })] },
    rules: {
      ...SIZES,
      ...STYLE,
      ...ADJUSTMENTS,
      ...IMPORTS,
      ...restrictImports(),
      ...restrictSyntax([NO_BARE_ERRORS]),
    },
  },
  ...HOUSE.map((entry) => ({
    files: filesOf(entry),
    rules: {
      ...restrictImports(importPatterns(entry)),
      ...restrictSyntax([NO_BARE_ERRORS, ...dynamicImportSelectors(entry)]),
    },
  })),
  {
    files: ['src/cli/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 600 }],
      // A describe callback is as long as its rules are many; max-lines bounds it.
      'max-lines-per-function': 'off',
      // Jest's matchers (`expect.any(…)`) are typed `any`; reading members of an `any` stays forbidden.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      ...restrictSyntax([]),
    },
  },
  {
    // Jest takes these by their default export.
    files: ['test/support/global-*.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    extends: [js.configs.recommended],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
  },
  {
    files: ['**/*.{js,cjs}'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', require: 'readonly', __dirname: 'readonly' },
    },
  },
);
