import { toBinary, type DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

import { file_google_rpc_error_details } from './generated/google/rpc/error_details_pb';
import { file_google_rpc_status } from './generated/google/rpc/status_pb';

/** What no method names but every failed call carries: without it grpcurl cannot show the details of an error. */
const ERROR_FILES = [file_google_rpc_status, file_google_rpc_error_details];

/**
 * Adds server reflection, v1 and v1alpha, for these files and all they import, taken from the very descriptors that
 * are served. (From proto-loader it would break grpcurl: maps and the standard types do not resolve.)
 */
export function addReflection(server: Server, files: Iterable<DescFile>): void {
  const fileDescriptorProtos = withImports([...files, ...ERROR_FILES]).map(toDescriptorBytes);
  // It reads the files alone; the rest is the smallest that proto-loader's type allows.
  const definition = {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos,
  } as const;
  new ReflectionService({ all: definition }).addToServer(server);
}

function withImports(files: readonly DescFile[]): DescFile[] {
  const found = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (found.has(file.name)) return;
    found.set(file.name, file);
    file.dependencies.forEach(add);
  };
  files.forEach(add);
  return [...found.values()];
}

function toDescriptorBytes({ proto }: DescFile): Buffer {
  return Buffer.from(toBinary(FileDescriptorProtoSchema, proto));
}
