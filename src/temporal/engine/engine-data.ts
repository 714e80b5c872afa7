import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LonghaulError } from '../../connector/errors';
import type { TemporalBinary } from '../temporal-binary';
import { readJsonFile, writeJsonFile } from './json-file';

/** What is known of the database file: which server made it, and what is open in it. */
const dataRecord = z.object({
  serverVersion: z.string(),
  /** Null while an engine runs and after a crash: not known, so possibly some. */
  openTasks: z.int().min(0).nullable(),
});

type DataRecord = z.infer<typeof dataRecord>;

export interface PreparedData {
  readonly dbFile: string;
  /** Set when an older file was put aside. */
  readonly notice?: string;
}

/**
 * Makes sure that this server may use the folder's database: the dev server sets up its tables only in a new file, so
 * a server of another minor version must not go on in an old one. An old file without open tasks is put aside.
 * @throws CONFIG when tasks are, or may be, open in it.
 */
export function prepareData(home: string, binary: TemporalBinary): PreparedData {
  const dbFile = join(home, 'temporal.db');
  const record = readRecord(home);
  const isForeign =
    existsSync(dbFile) && record !== undefined && !isSameMinor(record.serverVersion, binary.serverVersion);
  if (isForeign && record.openTasks !== 0) throw refusal(record, binary, dbFile);
  const notice = isForeign ? putAside(dbFile, record.serverVersion) : undefined;
  recordData(home, { serverVersion: binary.serverVersion, openTasks: null });
  return { dbFile, ...(notice === undefined ? {} : { notice }) };
}

/** Called at an orderly end. `openTasks` is null when nobody could count them. */
export function recordData(home: string, record: DataRecord): void {
  writeJsonFile(recordPath(home), record);
}

function readRecord(home: string): DataRecord | undefined {
  return dataRecord.safeParse(readJsonFile(recordPath(home))).data;
}

function recordPath(home: string): string {
  return join(home, 'temporal-data.json');
}

/** Patch releases of the server change no tables. */
function isSameMinor(one: string, other: string): boolean {
  return minorOf(one) === minorOf(other);
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

function putAside(dbFile: string, serverVersion: string): string {
  const aside = `${dbFile}.server-${serverVersion}.${Date.now()}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(dbFile + suffix)) renameSync(dbFile + suffix, aside + suffix);
  }
  return `The history of server ${serverVersion} was put aside as ${aside}; no task was open in it.`;
}

function refusal(record: DataRecord, binary: TemporalBinary, dbFile: string): LonghaulError {
  const open = record.openTasks === null ? 'tasks may still be open' : `${record.openTasks} task(s) are open`;
  const message = `${dbFile} was made by Temporal server ${record.serverVersion}, where ${open}; this one is ${binary.serverVersion}.`;
  return new LonghaulError('CONFIG', message, {
    advice: `Set TEMPORAL_CLI_PATH to a CLI with server ${minorOf(record.serverVersion)} until they end, or move the file away.`,
  });
}
