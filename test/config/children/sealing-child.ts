import { parseEnvironment } from '../../../src/config/environment';
import { openEngineSealing } from '../../../src/config/sealing-keys';

/** A process that seals with the key of the data folder in its argument, which it may have to make. */
const [, , home = ''] = process.argv;
const sealing = openEngineSealing(parseEnvironment({ LONGHAUL_HOME: home }));
process.stdout.write(`${sealing.seal('v', 't')}\n`);
