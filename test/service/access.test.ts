import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, status as grpcStatus } from '@grpc/grpc-js';

import { AgentMetadataService } from '../../src/service/generated/flyteidl/service/agent_pb';
import { Health } from '../../src/service/generated/health/v1/health_pb';
import type { ListenerOptions } from '../../src/service/listener';
import { waitUntil } from '../support/wait-until';
import { createAuthority, readPair, type Authority, type CertificateFiles } from './support/certificates';
import { learnServices } from './support/reflection-client';
import { connect, errorInfoOf, failureOf, type RpcClient } from './support/rpc-client';
import { startTestListener, type TestListener } from './support/test-listener';

const { listAgents } = AgentMetadataService.method;

let folder: string;
let listener: TestListener | undefined;
const clients: RpcClient[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-access-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await listener?.drain({ graceMs: 0 });
});

async function start(options: Partial<ListenerOptions>): Promise<TestListener> {
  listener = await startTestListener({}, options);
  return listener;
}

function connectTo({ port }: TestListener, channel = credentials.createInsecure()): RpcClient {
  const client = connect(port, channel);
  clients.push(client);
  return client;
}

describe('TLS', () => {
  let ours: Authority;
  let strangers: Authority;
  let server: CertificateFiles;

  beforeAll(async () => {
    ours = await createAuthority(folder, 'ours');
    strangers = await createAuthority(folder, 'strangers');
    server = await ours.issue('server');
  });

  async function callAs(server: TestListener, caller?: CertificateFiles): Promise<RpcClient> {
    const root = (await readPair(ours)).cert;
    const { cert, key } = caller === undefined ? { cert: null, key: null } : await readPair(caller);
    return connectTo(server, credentials.createSsl(root, key, cert));
  }

  test('a caller that trusts the certificate is served, plain text is not', async () => {
    const listener = await start({ tls: server });
    const plain = connectTo(listener);
    await expect((await callAs(listener)).unary(listAgents, {})).resolves.toMatchObject({ agents: [] });
    expect((await failureOf(plain.unary(listAgents, {}))).code).toBe(grpcStatus.UNAVAILABLE);
  });

  test('with a client CA only callers with one of its certificates are served', async () => {
    const listener = await start({ tls: { ...server, clientCaFile: ours.certFile } });
    const known = await callAs(listener, await ours.issue('known'));
    await expect(known.unary(listAgents, {})).resolves.toMatchObject({ agents: [] });
    for (const caller of [undefined, await strangers.issue('stranger')]) {
      const failure = await failureOf((await callAs(listener, caller)).unary(listAgents, {}));
      expect(failure.code).toBe(grpcStatus.UNAVAILABLE);
    }
  });

  test.each(['certFile', 'keyFile', 'clientCaFile'])(
    'a %s that is missing or garbage is CONFIG naming it',
    async (which) => {
      const missing = join(folder, 'missing.pem');
      const garbage = join(folder, 'garbage.pem');
      await writeFile(garbage, 'garbage');
      for (const file of [missing, garbage]) {
        const started = start({ tls: { ...server, [which]: file } });
        await expect(started).rejects.toMatchObject({
          code: 'CONFIG',
          message: expect.stringContaining(file),
        });
      }
    },
  );

  test("another certificate's key is CONFIG naming both files", async () => {
    const other = await ours.issue('other');
    await expect(start({ tls: { ...server, keyFile: other.keyFile } })).rejects.toMatchObject({
      code: 'CONFIG',
      message: `The private key ${other.keyFile} is not that of ${server.certFile}.`,
    });
  });
});

describe('tokens', () => {
  async function writeTokens(text: string): Promise<string> {
    const file = join(folder, 'tokens');
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
    return file;
  }

  function bearer(token: string): { metadata: { authorization: string } } {
    return { metadata: { authorization: `Bearer ${token}` } };
  }

  async function isAccepted(client: RpcClient, token: string): Promise<boolean> {
    return client.unary(listAgents, {}, bearer(token)).then(
      () => true,
      () => false,
    );
  }

  test('each line of the token file is a valid token', async () => {
    const client = connectTo(await start({ authTokenFile: await writeTokens('one\n\n  two  \r\nthree') }));
    for (const token of ['one', 'two', 'three']) expect(await isAccepted(client, token)).toBe(true);
    const lowerCase = { metadata: { authorization: 'bearer one' } };
    await expect(client.unary(listAgents, {}, lowerCase)).resolves.toBeDefined();
  });

  test.each([
    ['no token', {}, 'This service asks for a token.'],
    ['a wrong token', { authorization: 'Bearer nope' }, 'The token is not accepted here.'],
    ['no token after the scheme', { authorization: 'Bearer' }, 'The token is not accepted here.'],
    ['half a token', { authorization: 'Bearer secre' }, 'The token is not accepted here.'],
    ['another scheme', { authorization: 'Basic secret' }, 'The token is not accepted here.'],
    ['a token and more', { authorization: 'Bearer secret x' }, 'The token is not accepted here.'],
  ])('%s is UNAUTHENTICATED with ErrorInfo, logged and counted', async (_, metadata, text) => {
    const listener = await start({ authTokenFile: await writeTokens('secret\n') });
    const failure = await failureOf(connectTo(listener).unary(listAgents, {}, { metadata }));
    expect(failure.code).toBe(grpcStatus.UNAUTHENTICATED);
    expect(failure.details).toBe(`${text} Send the metadata authorization: Bearer TOKEN.`);
    expect(errorInfoOf(failure)?.reason).toBe('UNAUTHENTICATED');
    expect(listener.log).toHaveLength(1);
    expect(JSON.stringify(listener.log)).not.toContain('secre');
    expect(await listener.metrics.registry.metrics()).toContain(
      'longhaul_rpc_errors_total{method="flyteidl.service.AgentMetadataService/ListAgents",task_type="none",code="UNAUTHENTICATED"} 1',
    );
  });

  test('reflection asks for the token too, health does not', async () => {
    const client = connectTo(await start({ authTokenFile: await writeTokens('secret\n') }));
    await expect(learnServices(client)).rejects.toMatchObject({ code: grpcStatus.UNAUTHENTICATED });
    await expect(client.unary(Health.method.check, {})).resolves.toBeDefined();
  });

  test('a rotated token file is read again without a restart, and the old token ends', async () => {
    const client = connectTo(await start({ authTokenFile: await writeTokens('old\n') }));
    expect(await isAccepted(client, 'new')).toBe(false);
    await writeTokens('old\nnew\n');
    await waitUntil('the new token', async () => (await isAccepted(client, 'new')) || undefined, 5000);
    expect(await isAccepted(client, 'old')).toBe(true);
    await writeTokens('new\n');
    await waitUntil(
      'the end of the old token',
      async () => !(await isAccepted(client, 'old')) || undefined,
      5000,
    );
    expect(await isAccepted(client, 'new')).toBe(true);
  });

  test('a token file that becomes empty or goes locks nobody out and is warned of', async () => {
    const file = await writeTokens('kept\n');
    const listener = await start({ authTokenFile: file });
    const client = connectTo(listener);
    await writeTokens('\n');
    const warned = (text: string) => async (): Promise<true | undefined> => {
      expect(await isAccepted(client, 'kept')).toBe(true);
      return (
        listener.log.some(({ level, message }) => level === 'warn' && message.includes(text)) || undefined
      );
    };
    await waitUntil('a warning', warned(`${file} is empty. The tokens known before stay valid.`), 5000);
    await rm(file);
    await waitUntil('a warning', warned(`Cannot read the token file ${file}`), 5000);
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['blank', ' \n\n'],
  ])('a token file that is %s at the start is CONFIG naming it', async (_, text) => {
    const file = text === undefined ? join(folder, 'no-such-file') : await writeTokens(text);
    await expect(start({ authTokenFile: file })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(file),
    });
  });
});
