import { parseEnvironment, type LonghaulConfig } from '../../config/environment';
import { openSealing } from '../../config/sealing-keys';
import { LonghaulError } from '../../connector/errors';
import { startService, type RunningService, type TlsFiles } from '../../service';
import { openTelemetry } from '../../telemetry';
import { runCommand, type CommonOptions } from '../command';
import { toTable } from '../format';
import type { Output } from '../output';
import { createConnectorSet } from '../registry';
import { createServiceLogger } from '../service-logger';
import { joinOwnEngine, toTaskUrl } from '../session';

export interface ServeOptions extends CommonOptions {
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly clientCa?: string;
  readonly authTokenFile?: string;
  readonly metricsPort?: number;
  readonly metricsHost: string;
  readonly drainSeconds: number;
}

/** The gRPC services for Flyte's engine, until SIGTERM. */
export function serve(options: ServeOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const config = parseEnvironment(process.env);
    const logger = createServiceLogger(config.logLevel);
    const telemetry = await openTelemetry({
      env: process.env,
      serviceName: 'longhaul-serve',
      report: logger.warn,
    });
    const temporal = await openTemporal(config, output);
    const connectors = createConnectorSet(process.env);
    try {
      const service = await startService({
        ...listening(options),
        temporal: temporal.settings,
        registry: connectors.registry,
        workflowTaskQueue: config.workflowTaskQueue,
        secretsAllow: temporal.secretsAllow,
        sealing: openSealing(config),
        cluster: options.cluster,
        taskUrl: temporal.taskUrl,
        logger,
        telemetry,
      });
      announce(output, options, service);
      await untilSignal(service, output);
    } finally {
      temporal.close();
      await Promise.all([connectors.close(), telemetry.close()]);
    }
    return 0;
  });
}

interface ServiceTemporal {
  readonly settings: LonghaulConfig['temporal'] | string;
  readonly secretsAllow: readonly string[];
  readonly taskUrl: (id: string) => string | undefined;
  close(): void;
}

/** The configured Temporal, or the engine of the data folder, which stays as long as somebody serves from it. */
async function openTemporal(config: LonghaulConfig, output: Output): Promise<ServiceTemporal> {
  const { temporal } = config;
  if (!temporal.configured) {
    const engine = await joinOwnEngine({ config, env: process.env, output });
    const { temporalAddress, uiUrl } = engine.info;
    return {
      settings: temporalAddress,
      secretsAllow: config.embeddedSecretsAllow,
      taskUrl: (id) => toTaskUrl(uiUrl, 'default', id),
      close: () => engine.close(),
    };
  }
  const uiUrl = process.env['LONGHAUL_TEMPORAL_UI_URL'];
  return {
    settings: temporal,
    secretsAllow: config.secretsAllow,
    taskUrl: (id) => (uiUrl === undefined ? undefined : toTaskUrl(uiUrl, temporal.namespace, id)),
    close: () => undefined,
  };
}

function listening(
  options: ServeOptions,
): Pick<
  Parameters<typeof startService>[0],
  'host' | 'port' | 'tls' | 'authTokenFile' | 'metrics' | 'drainNoticeMs'
> {
  const { host, port, authTokenFile, metricsHost, metricsPort, drainSeconds } = options;
  const tls = tlsFilesOf(options);
  return {
    host,
    port,
    drainNoticeMs: drainSeconds * 1000,
    ...(tls === undefined ? {} : { tls }),
    ...(authTokenFile === undefined ? {} : { authTokenFile }),
    ...(metricsPort === undefined ? {} : { metrics: { host: metricsHost, port: metricsPort } }),
  };
}

function tlsFilesOf({ tlsCert, tlsKey, clientCa }: ServeOptions): TlsFiles | undefined {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return {
      certFile: tlsCert,
      keyFile: tlsKey,
      ...(clientCa === undefined ? {} : { clientCaFile: clientCa }),
    };
  }
  if (tlsCert === undefined && tlsKey === undefined && clientCa === undefined) return undefined;
  throw new LonghaulError('CONFIG', 'TLS needs both --tls-cert and --tls-key.');
}

function announce(output: Output, options: ServeOptions, service: RunningService): void {
  const { host, port, metricsPort, temporalReachable } = service;
  const { metricsHost, cluster } = options;
  const lines = [
    ['gRPC', `${host}:${port} (Flyte 1 and 2, health, reflection)`],
    ...(metricsPort === undefined ? [] : [['metrics', `http://${metricsHost}:${metricsPort}/metrics`]]),
    ['cluster', cluster],
    ['Temporal', temporalReachable ? 'answers' : 'does not answer yet'],
  ];
  output.result(`${toTable(lines)}\nCtrl-C ends it in order; tasks go on.`, {
    host,
    port,
    cluster,
    temporalReachable,
    ...(metricsPort === undefined ? {} : { metricsPort }),
  });
}

/** The first signal drains, a second one ends at once. */
function untilSignal(service: RunningService, output: Output): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const end = (): void => {
      if (asked) process.exit(1);
      asked = true;
      output.note('The service takes leave: open calls end, tasks go on.');
      void service.drain().then(resolve);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
  });
}
