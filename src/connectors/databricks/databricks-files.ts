import { LonghaulError, type CallContext } from '../../connector';
import { readPages } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { numberAt, objectsAt, textAt } from './databricks-json';

/** One file of a folder. */
export interface RemoteFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
}

/** A part of a file. */
export interface FileChunk {
  readonly bytes: Buffer;
  /** Takes secrets out of text made of it; bytes have to be counted before. */
  readonly redact: (text: string) => string;
}

/** Files of a workspace, in a volume or in DBFS. */
export interface FileStore {
  /** Undefined where there is no such folder. @throws PERMISSION_DENIED. */
  list(folder: string): Promise<readonly RemoteFile[] | undefined>;
  read(path: string, range: { readonly offset: number; readonly length: number }): Promise<FileChunk>;
}

export interface FileAccess {
  readonly client: DatabricksClient;
  readonly call: CallContext;
}

/** DBFS gives no more at once. */
export const LARGEST_CHUNK_BYTES = 512 * 1024;
const MOST_PAGES = 20;

/** Files API 2.0. */
export function openVolume({ client, call }: FileAccess): FileStore {
  return {
    list: (folder) =>
      unlessMissing(async () => {
        const path = `fs/directories${encodePath(folder)}`;
        const request = { operation: 'read', root: '/api/2.0', path, mostPages: MOST_PAGES } as const;
        const { pages } = await readPages(client, request, call);
        return pages
          .flatMap((page) => objectsAt(page, 'contents'))
          .filter((entry) => entry['is_directory'] !== true)
          .map((entry) => toFile(textAt(entry, 'path'), numberAt(entry, 'file_size')));
      }),
    read: (path, { offset, length }) =>
      client.fetch(
        {
          path: `/api/2.0/fs/files${encodePath(path)}`,
          headers: { range: `bytes=${offset}-${offset + length - 1}` },
        },
        call,
      ),
  };
}

/** DBFS API 2.0. */
export function openDbfs({ client, call }: FileAccess): FileStore {
  return {
    list: (folder) =>
      unlessMissing(async () => {
        const request = {
          operation: 'read',
          root: '/api/2.0',
          path: 'dbfs/list',
          query: { path: folder },
        } as const;
        const entries = objectsAt(await client.send(request, call), 'files');
        return entries
          .filter((entry) => entry['is_dir'] !== true)
          .map((entry) => toFile(textAt(entry, 'path'), numberAt(entry, 'file_size')));
      }),
    read: async (path, { offset, length }) => {
      const query = { path, offset: String(offset), length: String(length) };
      const answer = await client.send(
        { operation: 'read', root: '/api/2.0', path: 'dbfs/read', query },
        call,
      );
      return { bytes: Buffer.from(textAt(answer, 'data') ?? '', 'base64'), redact: call.redact };
    },
  };
}

function toFile(path = '', size = 0): RemoteFile {
  return { path, name: path.slice(path.lastIndexOf('/') + 1), size };
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** A missing folder is answered in the words in which a missing run is. */
async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    const isMissing = thrown instanceof LonghaulError && ['RUN_GONE', 'NOT_FOUND'].includes(thrown.code);
    if (isMissing) return undefined;
    throw thrown;
  }
}
