import { statSync, existsSync } from 'node:fs';

import type { LonghaulConfig } from '../config/environment';
import { createSealing } from '../config/sealing';
import { engineKeysFile, readSealingKeys } from '../config/sealing-keys';
import { LonghaulError } from '../connector/errors';
import type { Finding } from './finding';

const CHECK = 'sealing keys';

/** Are there keys, are they kept from others, and do they open what they seal? Makes none. */
export function checkSealingKeys(config: LonghaulConfig): Finding {
  const { sealingKeysFile, temporal } = config;
  if (sealingKeysFile !== undefined) return checkFile(sealingKeysFile);
  if (temporal.configured) {
    return fine('none is configured; only tasks that bring credentials of their own (Flyte 2) need one');
  }
  const own = engineKeysFile(config);
  return existsSync(own)
    ? checkFile(own)
    : fine('the engine makes its own when a task first brings credentials');
}

function checkFile(file: string): Finding {
  try {
    const keys = readSealingKeys(file);
    const sealing = createSealing(keys);
    sealing.open(sealing.seal('checked', CHECK), CHECK);
    const modeTrouble = judgeMode(file);
    if (modeTrouble !== undefined) return { check: CHECK, ok: false, ...modeTrouble };
    return fine(`${keys[0].id} seals; ${keys.map(({ id }) => id).join(', ')} can open (${file})`);
  } catch (error) {
    const { message, advice = 'Check LONGHAUL_SEALING_KEYS_FILE.' } = LonghaulError.from(error);
    return { check: CHECK, ok: false, says: message, mend: advice };
  }
}

/** Our own file is for us alone. One of somebody else, such as a mounted secret, may be read through our group. */
function judgeMode(file: string): Pick<Finding, 'says' | 'mend'> | undefined {
  const { mode, uid } = statSync(file);
  const open = uid === process.getuid?.() ? 0o077 : 0o027;
  if ((mode & open) === 0) return undefined;
  return {
    says: `${file} is open to others (mode ${(mode & 0o777).toString(8)})`,
    mend: `chmod 600 ${file}, and put a new key first if somebody may have read it.`,
  };
}

function fine(says: string): Finding {
  return { check: CHECK, ok: true, says };
}
