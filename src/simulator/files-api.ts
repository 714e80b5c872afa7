import { apiError } from './api-error';
import { deliveredFiles, type DeliveredFile } from './delivered-logs';
import type { EngineOptions } from './engine-options';
import { readParams, type HttpRequest } from './http';
import { readInteger, readText, type WireObject } from './wire-json';

/** JSON, or the bytes of a file. */
export type FilesAnswer =
  | { readonly kind: 'json'; readonly body: WireObject }
  | { readonly kind: 'bytes'; readonly status: number; readonly bytes: Buffer };

type FilesHandler = (request: HttpRequest, path: string, files: readonly DeliveredFile[]) => FilesAnswer;

export interface FilesOperation {
  /** By which faults and counters know it. */
  readonly name: string;
  readonly answer: (request: HttpRequest, engine: EngineOptions) => FilesAnswer;
}

const LARGEST_DBFS_READ = 1024 * 1024;

/** Reading of files: `fs/files` and `fs/directories` for volumes, `dbfs/list` and `dbfs/read`. All there is to be read are delivered cluster logs. */
export function findFilesOperation(method: string, path: string): FilesOperation | undefined {
  if (method !== 'GET') return undefined;
  const volume = /^\/api\/2\.0\/fs\/(files|directories)(\/.*)$/.exec(path);
  if (volume !== null) {
    const [, kind, name = ''] = volume;
    return kind === 'files'
      ? operation('fs-files', readVolume, () => decodeURIComponent(name))
      : operation('fs-directories', listVolume, () => decodeURIComponent(name).replace(/\/+$/, ''));
  }
  if (path === '/api/2.0/dbfs/list') return operation('dbfs-list', listDbfs, askedPath);
  if (path === '/api/2.0/dbfs/read') return operation('dbfs-read', readDbfs, askedPath);
  return undefined;
}

function operation(
  name: string,
  handle: FilesHandler,
  pathOf: (request: HttpRequest) => string,
): FilesOperation {
  return { name, answer: (request, engine) => handle(request, pathOf(request), deliveredFiles(engine)) };
}

function askedPath(request: HttpRequest): string {
  return (readText(readParams(request), 'path') ?? '').replace(/^dbfs:/, '').replace(/\/+$/, '');
}

const listVolume: FilesHandler = (_request, folder, files) => {
  const contents = entriesOf(folder, files).map(({ path, name, size }) => ({
    ...{ path, name, is_directory: size === undefined },
    ...(size === undefined ? {} : { file_size: size, last_modified: 0 }),
  }));
  if (contents.length === 0) {
    throw apiError('NOT_FOUND', `The directory being accessed is not found: ${folder}`);
  }
  return { kind: 'json', body: { contents } };
};

const readVolume: FilesHandler = ({ headers }, path, files) => {
  const file = files.find((one) => one.path === path);
  if (file === undefined) throw apiError('NOT_FOUND', `The file being accessed is not found: ${path}`);
  const bytes = file.read();
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return { kind: 'bytes', status: 200, bytes };
  if (Number(from) >= bytes.length) return { kind: 'bytes', status: 416, bytes: Buffer.alloc(0) };
  const end = to === undefined || to === '' ? bytes.length : Number(to) + 1;
  return { kind: 'bytes', status: 206, bytes: bytes.subarray(Number(from), end) };
};

const listDbfs: FilesHandler = (_request, folder, files) => {
  const listed = entriesOf(folder, files).map(({ path, size }) => ({
    ...{ path, is_dir: size === undefined, file_size: size ?? 0, modification_time: 0 },
  }));
  if (listed.length === 0) {
    throw apiError('RESOURCE_DOES_NOT_EXIST', `No file or directory exists on path ${folder}.`);
  }
  return { kind: 'json', body: { files: listed } };
};

const readDbfs: FilesHandler = (request, path, files) => {
  const params = readParams(request);
  const offset = readInteger(params, 'offset') ?? 0;
  const length = readInteger(params, 'length') ?? LARGEST_DBFS_READ / 2;
  const file = files.find((one) => one.path === path);
  if (file === undefined) {
    throw apiError('RESOURCE_DOES_NOT_EXIST', `No file or directory exists on path ${path}.`);
  }
  if (length > LARGEST_DBFS_READ) throw apiError('INVALID_PARAMETER_VALUE', 'length must be at most 1 MB');
  const part = file.read().subarray(offset, offset + length);
  return { kind: 'json', body: { bytes_read: part.length, data: part.toString('base64') } };
};

interface Entry {
  readonly path: string;
  readonly name: string;
  /** Undefined for a folder. */
  readonly size: number | undefined;
}

/** What is right inside of a folder. */
function entriesOf(folder: string, files: readonly DeliveredFile[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const file of files.filter(({ path }) => path.startsWith(`${folder}/`))) {
    const [name = '', ...below] = file.path.slice(folder.length + 1).split('/');
    const size = below.length > 0 ? undefined : file.read().length;
    entries.set(name, { path: `${folder}/${name}`, name, size });
  }
  return [...entries.values()];
}
