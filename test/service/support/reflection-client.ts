import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createFileRegistry, create, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { parse, type Type } from 'protobufjs';

import type { RpcClient } from './rpc-client';

export type ReflectionVersion = 'v1' | 'v1alpha';

interface ReflectionReply {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

/** Learns a server as grpcurl does: what it serves, the files of each service, every file they import. */
export async function learnServices(
  client: RpcClient,
  version: ReflectionVersion = 'v1',
): Promise<LearntServices> {
  const ask = asker(client, version);
  const listed = await ask({ listServices: '*' });
  const names = (listed.listServicesResponse?.service ?? []).map(({ name }) => name);
  const files = new Map<string, FileDescriptorProto>();
  const take = (reply: ReflectionReply): void => {
    if (reply.errorResponse !== undefined) throw new Error(reply.errorResponse.errorMessage);
    for (const bytes of reply.fileDescriptorResponse?.fileDescriptorProto ?? []) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  };
  for (const name of names) take(await ask({ fileContainingSymbol: name }));
  for (let missing = missingImport(files); missing !== undefined; missing = missingImport(files)) {
    take(await ask({ fileByFilename: missing }));
  }
  const set = create(FileDescriptorSetSchema, { file: inImportOrder(files) });
  return { names, registry: createFileRegistry(set) };
}

export interface LearntServices {
  readonly names: readonly string[];
  readonly registry: FileRegistry;
}

function missingImport(files: ReadonlyMap<string, FileDescriptorProto>): string | undefined {
  return [...files.values()].flatMap(({ dependency }) => dependency).find((name) => !files.has(name));
}

function inImportOrder(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || ordered.has(file)) return;
    file.dependency.forEach(add);
    ordered.add(file);
  };
  [...files.keys()].forEach(add);
  return [...ordered];
}

type Ask = (request: Readonly<Record<string, string>>) => Promise<ReflectionReply>;

function asker(client: RpcClient, version: ReflectionVersion): Ask {
  const scope = `grpc.reflection.${version}`;
  const root = join(dirname(require.resolve('@grpc/reflection')), '../proto/grpc/reflection');
  const { root: types } = parse(readFileSync(join(root, version, 'reflection.proto'), 'utf8'));
  const request: Type = types.lookupType(`${scope}.ServerReflectionRequest`);
  const reply: Type = types.lookupType(`${scope}.ServerReflectionResponse`);
  return async (message) => {
    const bytes = Buffer.from(request.encode(message).finish());
    const answer = await client.raw(`/${scope}.ServerReflection/ServerReflectionInfo`, bytes);
    return reply.toObject(reply.decode(answer));
  };
}
