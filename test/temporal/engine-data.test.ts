import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareData, recordData } from '../../src/temporal/engine/engine-data';
import { readEngineFile } from '../../src/temporal/engine/engine-file';
import { temporaryHome } from './support';

const binary = (serverVersion: string) => ({ path: '/bin/temporal', version: '1.9.1', serverVersion });

function homeWithDatabase(serverVersion: string, openTasks: number | null): string {
  const home = temporaryHome();
  writeFileSync(join(home, 'temporal.db'), 'rows');
  writeFileSync(join(home, 'temporal.db-wal'), 'rows');
  recordData(home, { serverVersion, openTasks });
  return home;
}

const databases = (home: string) =>
  readdirSync(home)
    .filter((name) => name.startsWith('temporal.db'))
    .sort();

describe('the database file and the server version', () => {
  test('a newer server is refused while tasks are open in an older file, with the mend', () => {
    const home = homeWithDatabase('1.31.2', 3);
    expect(() => prepareData(home, binary('1.32.0'))).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringContaining('3 task(s) are open'),
        advice: expect.stringContaining('TEMPORAL_CLI_PATH to a CLI with server 1.31'),
      }),
    );
    expect(databases(home)).toEqual(['temporal.db', 'temporal.db-wal']);
  });

  test('after a crash nobody knows what is open, so it is refused as well', () => {
    const home = homeWithDatabase('1.31.2', null);
    expect(() => prepareData(home, binary('1.32.0'))).toThrow('tasks may still be open');
  });

  test('with nothing open the older file is put aside whole and a new one begins', () => {
    const home = homeWithDatabase('1.31.2', 0);
    expect(prepareData(home, binary('1.32.0')).notice).toContain('put aside');
    expect(databases(home)).toEqual([
      expect.stringMatching(/^temporal\.db\.server-1\.31\.2\.\d+$/),
      expect.stringMatching(/^temporal\.db\.server-1\.31\.2\.\d+-wal$/),
    ]);
  });

  test('a patch release goes on in the same file, and an older server is treated like a newer one', () => {
    const home = homeWithDatabase('1.32.0', 3);
    expect(prepareData(home, binary('1.32.9'))).toEqual({ dbFile: join(home, 'temporal.db') });
    expect(() => prepareData(home, binary('1.31.0'))).toThrow('tasks may still be open');
  });

  test('an engine.json that is cut, foreign or missing is none', () => {
    const home = temporaryHome();
    expect(readEngineFile(home)).toBeUndefined();
    for (const text of ['{"pid": 1', '[]', '{"pid": "1"}']) {
      writeFileSync(join(home, 'engine.json'), text);
      expect(readEngineFile(home)).toBeUndefined();
    }
  });
});
