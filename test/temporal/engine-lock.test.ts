import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { acquireEngineLock } from '../../src/temporal/engine/engine-lock';
import { runTypeScriptChild, type TypeScriptChild } from '../support/run-typescript-child';
import { temporaryHome } from './support';

const children: TypeScriptChild[] = [];

function contender(home: string, waitMs = 0): TypeScriptChild {
  const child = runTypeScriptChild(join(__dirname, 'children', 'lock-child.ts'), {
    args: [home, String(waitMs)],
  });
  children.push(child);
  return child;
}

const verdict = (child: TypeScriptChild): Promise<string> =>
  child.line((line) => line === 'held' || line === 'refused');

afterEach(async () => {
  for (const child of children) child.kill();
  await Promise.all(children.splice(0).map((child) => child.ended));
});

describe('the engine lock', () => {
  test('of five processes at once exactly one gets it, and after its SIGKILL exactly one of five more', async () => {
    const home = temporaryHome();
    for (let round = 0; round < 2; round++) {
      const five = Array.from({ length: 5 }, () => contender(home));
      const verdicts = await Promise.all(five.map(verdict));
      expect(verdicts.filter((word) => word === 'held')).toHaveLength(1);
      const holder = five[verdicts.indexOf('held')];
      holder?.kill('SIGKILL');
      await holder?.ended;
    }
  });

  test('one that waits gets it when the holder is killed', async () => {
    const home = temporaryHome();
    const holder = contender(home);
    expect(await verdict(holder)).toBe('held');
    const waiting = contender(home, 20_000);
    holder.kill('SIGKILL');
    expect(await verdict(waiting)).toBe('held');
  });

  test('it is the folder that is locked, by whatever path, and a release frees it', async () => {
    const home = temporaryHome();
    const other = join(temporaryHome(), 'link');
    symlinkSync(home, other);
    const lock = await acquireEngineLock(home);
    expect(lock).toBeDefined();
    expect(await acquireEngineLock(other)).toBeUndefined();
    mkdirSync(join(home, 'inner'));
    await (await acquireEngineLock(join(home, 'inner')))?.release();
    await lock?.release();
    const again = await acquireEngineLock(other);
    expect(again).toBeDefined();
    await again?.release();
  });
});
