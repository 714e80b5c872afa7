/** Runs a TypeScript file under a plain Node: `node scripts/run-typescript.cjs bench/run.ts`. For our own tools only. */
const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');

const { transformSync } = require('@swc/core');

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    swcrc: false,
    module: { type: 'commonjs', ignoreDynamic: true },
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  });
  module._compile(code, filename);
};

const file = process.argv[2];
if (file === undefined) {
  console.error('usage: node scripts/run-typescript.cjs FILE.ts [arguments]');
  process.exit(2);
}
process.argv.splice(1, 1);
require(resolve(file));
