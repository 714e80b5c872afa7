import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { parseTracing } from '../../src/telemetry/settings';
import { buildDist } from '../cli/support/cli-process';
import { startHttpServer } from '../support/http-server';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

test.each([
  ['nothing', {}],
  ['blank variables', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: ' ' }],
  ['a service name alone', { OTEL_SERVICE_NAME: 'longhaul' }],
  ['an endpoint, yet no exporter', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ['an endpoint, yet a disabled SDK', { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
])('%s means no traces', (_what, env) => {
  expect(parseTracing(env)).toBeUndefined();
});

test.each([
  ['an endpoint', ENDPOINT, 'http/protobuf'],
  ['an endpoint for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x/v1/traces' }, 'http/protobuf'],
  ['an exporter', { OTEL_TRACES_EXPORTER: 'otlp' }, 'http/protobuf'],
  ['one of several exporters', { OTEL_TRACES_EXPORTER: 'console, otlp' }, 'http/protobuf'],
  ['a protocol with it', { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'grpc'],
  [
    'a protocol for traces, which counts first',
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
    'http/json',
  ],
])('%s asks for traces', (_what, env, protocol) => {
  expect(parseTracing(env)).toEqual({ protocol });
});

test.each([
  ['OTEL_TRACES_EXPORTER', { OTEL_TRACES_EXPORTER: 'zipkin' }],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier-pigeon' }],
])('what %s asks for and is not offered is a mistake', (field, env) => {
  expect(() => parseTracing(env)).toThrow(expect.objectContaining({ code: 'CONFIG', field }));
});

/** Runs what is shipped and traces one call; gives what of OpenTelemetry it has loaded. */
async function traceOne(env: Readonly<Record<string, string>>): Promise<string[]> {
  const dist = join(__dirname, '../../dist/src');
  const script = `
    for (const part of ['service', 'worker', 'cli/session', 'cli/commands/processes']) require('${dist}/' + part);
    const { openTelemetry } = require('${dist}/telemetry');
    const report = (message) => process.stderr.write(message);
    openTelemetry({ env: process.env, serviceName: 'shipped', report }).then(async (telemetry) => {
      await telemetry.rpcTracer?.trace({ method: 'a.Service/Call', carrier: {} }, async (end) => end({ status: 0 }));
      await telemetry.close();
      const names = Object.keys(require.cache).map((file) => /@opentelemetry\\/([^/]+)/.exec(file)?.[1]);
      console.log(JSON.stringify([...new Set(names)].filter(Boolean)));
      process.exit();
    });`;
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  const child = { env: { ...Object.fromEntries(kept), ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], child);
  return JSON.parse(stdout) as string[];
}

describe('what is shipped', () => {
  beforeAll(buildDist, 120_000);

  test('loads nothing of OpenTelemetry’s SDK while no variable asks for traces', async () => {
    expect((await traceOne({})).filter((name) => name !== 'api')).toEqual([]); // the API is prom-client's
  });

  test.each([
    ['http/protobuf', 'exporter-trace-otlp-proto'],
    ['http/json', 'exporter-trace-otlp-http'],
  ])('sends traces by %s with the one exporter that it needs', async (protocol, exporter) => {
    const collector = await startHttpServer(() => ({}));
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    const loaded = await traceOne({ ...env, OTEL_SERVICE_NAME: 'named' });
    await collector.close();
    expect(loaded.filter((name) => name.startsWith('exporter-'))).toEqual([exporter]);
    expect(collector.requests.map(({ path }) => path)).toEqual(['/v1/traces']);
    for (const sent of ['a.Service/Call', 'named']) expect(collector.requests[0]?.text).toContain(sent);
  });

  test('a collector that is away costs neither an error nor more than seconds', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(await traceOne(env)).toContain('exporter-trace-otlp-grpc');
  });
});
