/**
 * Generates the types of the gRPC services into src/service/generated from the published packages `@flyteorg/flyteidl`
 * (its .proto files) and `@flyteorg/flyteidl2` (which has generated code only: its descriptors are read from that),
 * the standard health service and proto/. Nothing of it is committed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const run = promisify(execFile);

const GENERATED = join(root, 'src/service/generated');

const packageFolder = (name) => join(root, 'node_modules', name);
const binary = (name) => join(root, 'node_modules/.bin', name);

/** What is served; everything these files import is generated with them. */
const SERVED_PROTOS = [
  'flyteidl/service/agent.proto',
  'health/v1/health.proto',
  'google/rpc/error_details.proto',
];

/** The .proto files side by side, as the imports in them expect. */
async function layOutProtos(folder) {
  await cp(join(packageFolder('@flyteorg/flyteidl'), 'protos/flyteidl'), join(folder, 'flyteidl'), {
    recursive: true,
  });
  await cp(join(packageFolder('protobufjs'), 'google/api'), join(folder, 'google/api'), { recursive: true });
  await cp(join(packageFolder('grpc-health-check'), 'proto/health'), join(folder, 'health'), {
    recursive: true,
  });
  await cp(join(root, 'proto'), folder, { recursive: true });
  await writeFile(join(folder, 'buf.yaml'), 'version: v2\n');
}

/** The published generated code of Flyte 2 holds its descriptors; they become a descriptor set. */
async function writeFlyte2Descriptors(path) {
  require('./run-typescript-hook.cjs');
  const { create, toBinary } = require('@bufbuild/protobuf');
  const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt');
  const {
    file_flyteidl2_connector_service: service,
  } = require('@flyteorg/flyteidl2/flyteidl2/connector/service_pb.ts');
  const { file_google_rpc_status: status } = require('@flyteorg/flyteidl2/google/rpc/status_pb.ts');
  const files = new Map();
  const visit = (file) => {
    if (files.has(file.proto.name)) return;
    for (const dependency of file.dependencies) visit(dependency);
    files.set(file.proto.name, file.proto);
  };
  visit(service);
  visit(status);
  await writeFile(
    path,
    toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...files.values()] })),
  );
}

/** Runs protoc-gen-es on one input, imports included. */
async function generate(input, { out, paths = [], cwd }) {
  const plugin = { local: binary('protoc-gen-es'), out, opt: ['target=ts'], include_imports: true };
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
  const only = paths.flatMap((path) => ['--path', path]);
  await run(binary('buf'), ['generate', input, '--template', template, ...only], { cwd });
}

/** What the generated code depends on. */
const INPUTS = [
  'scripts/generate-protobuf.mjs',
  'proto/google/rpc/error_details.proto',
  ...['@flyteorg/flyteidl', '@flyteorg/flyteidl2', 'grpc-health-check', 'protobufjs'].map(manifestOf),
  ...['@bufbuild/buf', '@bufbuild/protoc-gen-es'].map(manifestOf),
];

function manifestOf(name) {
  return `node_modules/${name}/package.json`;
}

async function stampOfInputs() {
  const hash = createHash('sha256');
  for (const path of INPUTS) hash.update(path).update(await readFile(join(root, path)));
  return hash.digest('hex');
}

const STAMP = join(GENERATED, '.stamp');

/** Generates the types when they are missing or made from something else; puts them in place whole. */
export async function generateProtobuf() {
  const stamp = await stampOfInputs();
  if ((await readFile(STAMP, 'utf8').catch(() => undefined)) === stamp) return;
  const work = await mkdtemp(join(tmpdir(), 'longhaul-protobuf-'));
  const next = join(root, `.build-protobuf-${process.pid}`);
  try {
    const protos = join(work, 'protos');
    await mkdir(protos);
    await layOutProtos(protos);
    const flyte2 = join(work, 'flyte2.binpb');
    await writeFlyte2Descriptors(flyte2);
    await generate('.', { out: next, paths: SERVED_PROTOS, cwd: protos });
    await generate(flyte2, { out: next, cwd: work });
    await writeFile(join(next, '.stamp'), stamp);
    await mkdir(dirname(GENERATED), { recursive: true });
    await rm(GENERATED, { recursive: true, force: true });
    await rename(next, GENERATED);
  } finally {
    await Promise.all([work, next].map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
