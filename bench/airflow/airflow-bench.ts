import { measureDeferrable } from './deferrable';
import { measurePeer } from './peer/peer-bench';
import { measureSensors, type SensorPlan } from './sensors';
import { callTable, faultTable, loadTable, ratioTable, sensorTable, triggerTable } from './tables';
import { measureTriggers, type TriggerPlan } from './triggers';

export interface AirflowBenchOptions {
  /** Numbers of deferrable tasks started at once, one after another. */
  readonly sizes: readonly number[];
  readonly triggers: TriggerPlan;
  readonly sensors: SensorPlan;
  /** Measures Airflow itself too, in the same run. */
  readonly peer: boolean;
  /** Which parts; all by default. */
  readonly only: readonly string[];
}

const SKIPPED = 'Airflow itself was skipped: no PostgreSQL server is installed here.';

/**
 * Measures Airflow tasks on Longhaul, and with `peer` the same deferrable tasks in Airflow itself. Gives Markdown; what
 * stands in it counts all processes of either side, Temporal included. The workspace and this driver are left out.
 */
export async function measureAirflow(options: AirflowBenchOptions): Promise<string> {
  const parts = { deferrable: reportDeferrable, triggers: reportTriggers, sensors: reportSensors };
  const asked = Object.entries(parts).filter(
    ([name]) => options.only.length === 0 || options.only.includes(name),
  );
  const sections: string[] = [];
  for (const [, report] of asked) sections.push(await report(options));
  return sections.join('\n\n');
}

async function reportDeferrable({ sizes, peer }: AirflowBenchOptions): Promise<string> {
  const { loads, faults } = await measureDeferrable(sizes);
  const theirs = peer ? await measurePeer(sizes) : [];
  const tables = [loadTable([...loads, ...(theirs ?? [])]), callTable(loads), faultTable(faults)];
  if (theirs === undefined) tables.push(SKIPPED);
  else if (theirs.length > 0) tables.push(ratioTable(loads, theirs));
  return tables.join('\n\n');
}

async function reportTriggers({ triggers }: AirflowBenchOptions): Promise<string> {
  return triggerTable(await measureTriggers(triggers));
}

async function reportSensors({ sensors }: AirflowBenchOptions): Promise<string> {
  return sensorTable(await measureSensors(sensors));
}
