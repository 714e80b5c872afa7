import { LonghaulError } from '../connector/errors';

const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
export type OtlpProtocol = (typeof PROTOCOLS)[number];

/** What is not here (addresses, headers, samplers, limits) OpenTelemetry's SDK reads by itself. */
export interface Tracing {
  readonly protocol: OtlpProtocol;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Each of these asks for traces. */
const ASKING = [
  'OTEL_TRACES_EXPORTER',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
] as const;

/**
 * Reads the standard variables; undefined when none asks for traces, or one forbids them.
 * @throws CONFIG for another exporter than `otlp`, or another protocol than OTLP's three.
 */
export function parseTracing(env: Environment): Tracing | undefined {
  if (ASKING.every((name) => text(env, name) === undefined)) return undefined;
  if (text(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  return isExporting(env) ? { protocol: parseProtocol(env) } : undefined;
}

function isExporting(env: Environment): boolean {
  const exporters = (text(env, 'OTEL_TRACES_EXPORTER') ?? 'otlp').split(',').map((name) => name.trim());
  if (exporters.includes('otlp')) return true;
  if (exporters.includes('none')) return false;
  throw badVariable('OTEL_TRACES_EXPORTER', exporters.join(','), ['otlp', 'none']);
}

function parseProtocol(env: Environment): OtlpProtocol {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;
  const name = names.find((candidate) => text(env, candidate) !== undefined);
  if (name === undefined) return 'http/protobuf';
  const given = text(env, name) ?? '';
  const protocol = PROTOCOLS.find((candidate) => candidate === given);
  if (protocol !== undefined) return protocol;
  throw badVariable(name, given, PROTOCOLS);
}

function text(env: Environment, name: string): string | undefined {
  const trimmed = env[name]?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function badVariable(name: string, value: string, offered: readonly string[]): LonghaulError {
  const message = `${name} must be one of ${offered.join(', ')} (got ${JSON.stringify(value)})`;
  return new LonghaulError('CONFIG', message, { field: name });
}
