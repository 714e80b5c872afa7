/** Runs a TypeScript file under a plain Node: `node scripts/run-typescript.cjs bench/run.ts`. For our own tools only. */
const { resolve } = require('node:path');

require('./run-typescript-hook.cjs');

const file = process.argv[2];
if (file === undefined) {
  console.error('usage: node scripts/run-typescript.cjs FILE.ts [arguments]');
  process.exit(2);
}
process.argv.splice(1, 1);
require(resolve(file));
