import { parseEnvironment, type LonghaulConfig } from '../../config/environment';
import { ERROR_TABLE } from '../../connector/errors';

import { connectClient, type TemporalClient } from '../../temporal/connection';
import { engineStatus } from '../../temporal/engine/engine-client';
import { readRetentionDays, RETENTION_DAYS } from '../../temporal/retention';
import { runCommand as runProgram } from '../../temporal/run-command';
import { missingSearchAttributes } from '../../temporal/search-attributes';
import { findTemporalBinary } from '../../temporal/temporal-binary';
import { checkAirflow, pollersAt } from '../airflow-finding';
import { runCommand, type CommonOptions } from '../command';
import { find, type Finding } from '../finding';
import { toCount } from '../format';
import { checkSealingKeys } from '../sealing-finding';
import { checkWorkspaces } from '../workspace-finding';

/** Checks each dependency and names the mend. Exit 0 only when everything is well. */
export function doctor(options: CommonOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const config = parseEnvironment(process.env);
    const findings = [
      checkNode(),
      await checkPython(),
      ...(await checkTemporal(config)),
      ...(await checkWorkspaces(config, process.env)),
      checkSealingKeys(config),
      ...(await checkAirflowWorker(config)),
    ];
    const lines = findings.map(({ check, ok, says, mend }) => {
      const line = `${ok ? output.paint('good', 'ok  ') : output.paint('bad', 'FAIL')}  ${check}: ${says}`;
      return ok || mend === undefined ? line : `${line}\n      ${mend}`;
    });
    const found = findings.map(({ mend, ...finding }) => (finding.ok ? finding : { ...finding, mend }));
    output.result(lines.join('\n'), found);
    return findings.every(({ ok }) => ok) ? 0 : ERROR_TABLE.CONFIG.exitCode;
  });
}

const OLDEST_NODE = [20, 19] as const;

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return {
    check: 'Node',
    ok,
    says: process.versions.node,
    mend: `Install Node ${OLDEST_NODE.join('.')} or newer.`,
  };
}

function checkPython(): Promise<Finding> {
  return find('Python', 'Install Python 3: the simulated workspace runs Python files with it.', async () =>
    (await runProgram('python3', ['--version'], { limitMs: 10_000 })).trim(),
  );
}

async function checkTemporal(config: LonghaulConfig): Promise<Finding[]> {
  if (!config.temporal.configured) return checkEngine(config);
  const mend = 'Start it, or check TEMPORAL_ADDRESS; without it Longhaul runs its own.';
  let temporal: TemporalClient | undefined;
  const reached = await find('Temporal', mend, async () => {
    temporal = await connectClient(config.temporal);
    return `${config.temporal.address}, namespace ${temporal.namespace}`;
  });
  if (temporal === undefined) return [reached];
  try {
    return [reached, await checkRetention(temporal), await checkSearchAttributes(temporal)];
  } finally {
    await temporal.connection.close();
  }
}

async function checkEngine(config: LonghaulConfig): Promise<Finding[]> {
  const status = await engineStatus(config);
  const running =
    status === undefined
      ? 'none runs; the next run starts one'
      : `runs with ${status.openTasks === null ? '? open tasks' : toCount(status.openTasks, 'open task')}`;
  const binary = await find(
    'Temporal CLI',
    'Install it, or set TEMPORAL_CLI_PATH or TEMPORAL_ADDRESS.',
    async () => {
      const { path, version } = await findTemporalBinary({
        env: process.env,
        home: config.home,
        report: () => undefined,
      });
      return `${version} at ${path}`;
    },
  );
  return [{ check: 'engine', ok: true, says: `${running} (${config.home})` }, binary];
}

/** The configured Temporal, or the engine where one runs; without either only what lies on this machine is checked. */
async function checkAirflowWorker(config: LonghaulConfig): Promise<Finding[]> {
  const temporal = await connectAnyhow(config).catch(() => undefined);
  try {
    const hasPoller = temporal === undefined ? undefined : pollersAt(temporal.client, temporal.namespace);
    return await checkAirflow(config, process.env, hasPoller);
  } finally {
    await temporal?.connection.close();
  }
}

async function connectAnyhow(config: LonghaulConfig): Promise<TemporalClient | undefined> {
  if (config.temporal.configured) return connectClient(config.temporal);
  const status = await engineStatus(config);
  return status?.state.state === 'serving' ? connectClient(status.state.info.temporalAddress) : undefined;
}

async function checkRetention({ connection, namespace }: TemporalClient): Promise<Finding> {
  const mend = `longhaul init sets ${RETENTION_DAYS} days: an id is known only as long as its task is kept.`;
  const days = await readRetentionDays(connection, namespace);
  return { check: 'retention', ok: days >= RETENTION_DAYS, says: `${days} days`, mend };
}

async function checkSearchAttributes({ connection, namespace }: TemporalClient): Promise<Finding> {
  const missing = await missingSearchAttributes(connection, namespace);
  const says =
    missing.length === 0 ? 'all there' : `missing ${missing.join(', ')} (everything works, less the filters)`;
  return { check: 'search attributes', ok: missing.length === 0, says, mend: 'Run longhaul init.' };
}
