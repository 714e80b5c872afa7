import type { FaultFigures } from './deferrable';
import type { LoadFigures } from './load';
import type { SensorFigures } from './sensors';
import type { TriggerFigures } from './triggers';
import type { Use } from './watch';

export function loadTable(loads: readonly LoadFigures[]): string {
  const rows: readonly Row<LoadFigures>[] = [
    ['wall, s', ({ wallS }) => wallS],
    ['CPU, s', ({ use }) => cpuOf(use)],
    ['CPU per task, ms', ({ use, size }) => (cpuOf(use) * 1000) / size],
    ['peak memory, MB', ({ use }) => use.peakMb],
    ['idle memory before, MB', ({ idleMb }) => idleMb],
    ['requests per run', ({ requestsPerRun }) => requestsPerRun],
    ['submits spread over, s', ({ spreadS }) => spreadS],
    ['runs', ({ runs }) => runs],
    ['duplicates', ({ duplicates }) => duplicates],
    ['tasks not succeeded', ({ notSucceeded }) => notSucceeded],
    ['CPU of the driver, s', ({ use }) => use.driverCpuS],
  ];
  const headings = loads.map(({ name, size }) => `${name}, ${size}`);
  return toMarkdown(['figure', ...headings], [...fill(rows, loads), ...roleRows(loads)]);
}

/** What each process took; a dash where a contestant has none of that name. */
function roleRows(loads: readonly LoadFigures[]): string[][] {
  const names = new Set(loads.flatMap(({ use }) => use.roles.map(({ name }) => name)));
  return [...names].map((name) => {
    const cells = loads.map(({ use }) => {
      const role = use.roles.find((candidate) => candidate.name === name);
      if (role === undefined) return '–';
      return `${format(role.cpuS)} s (${format(role.ownCpuS)}), ${format(role.peakMb)} MB`;
    });
    const apart = loads.some(({ use }) => use.roles.some((role) => role.name === name && role.apart));
    return [apart ? `${name}, not counted above` : name, ...cells];
  });
}

/** What makes Temporal work: its calls for each task, those made often. */
export function callTable(loads: readonly LoadFigures[]): string {
  const names = new Set(loads.flatMap(({ callsPerTask = {} }) => Object.keys(callsPerTask)));
  const rows = [...names].map(
    (name) => [name, ...loads.map((load) => load.callsPerTask?.[name] ?? 0)] as const,
  );
  const often = rows.filter(([, ...counts]) => counts.some((count) => count >= OFTEN));
  const headings = loads.map(({ size }) => `for each of ${size} tasks`);
  return toMarkdown(
    ['call to Temporal', ...headings],
    often.map(([name, ...counts]) => [name, ...counts.map(format)]),
  );
}

const OFTEN = 0.5;

export function ratioTable(ours: readonly LoadFigures[], theirs: readonly LoadFigures[]): string {
  const rows: readonly Row<readonly [LoadFigures, LoadFigures]>[] = [
    ['wall', ([a, b]) => a.wallS / b.wallS],
    ['CPU', ([a, b]) => cpuOf(a.use) / cpuOf(b.use)],
    ['CPU, PostgreSQL counted', ([a, b]) => cpuOf(a.use) / allCpuOf(b.use)],
    ['peak memory', ([a, b]) => a.use.peakMb / b.use.peakMb],
  ];
  const pairs = ours.flatMap((a) => theirs.filter(({ size }) => size === a.size).map((b) => [a, b] as const));
  const headings = pairs.map(([{ size }]) => `${size} tasks`);
  return toMarkdown(['Longhaul to Airflow', ...headings], fill(rows, pairs));
}

export function faultTable(faults: readonly FaultFigures[]): string {
  const rows: readonly Row<FaultFigures>[] = [
    ['wall, s', ({ wallS }) => wallS],
    ['runs', ({ runs }) => runs],
    ['duplicates', ({ duplicates }) => duplicates],
    ['tasks not succeeded', ({ notSucceeded }) => notSucceeded],
  ];
  const headings = faults.map(({ killed, size }) => `${killed}, ${size} tasks`);
  return toMarkdown(['killed', ...headings], fill(rows, faults));
}

export function triggerTable(figures: TriggerFigures): string {
  const { count, seconds, steadyMb, idleMb } = figures;
  const rows: readonly Row<TriggerFigures>[] = [
    ['KB per trigger', () => ((steadyMb - idleMb) * 1024) / count],
    ...steadyRows<TriggerFigures>(figures.use, seconds),
    ['heartbeats per second', ({ heartbeatsPerSecond }) => heartbeatsPerSecond],
    ['all deferred after, s', ({ deferredAfterS }) => deferredAfterS],
    ['history events of a whole task', ({ historyEvents }) => historyEvents],
    ['tasks not succeeded', ({ notSucceeded }) => notSucceeded],
  ];
  return toMarkdown(['figure', `${count} triggers`], fill(rows, [figures]));
}

export function sensorTable(figures: SensorFigures): string {
  const { plan, use } = figures;
  const rows: readonly Row<SensorFigures>[] = [
    ['pokes asked for per second', () => plan.count / plan.pokeIntervalS],
    ['pokes per second', ({ pokesPerSecond }) => pokesPerSecond],
    ['all poked once after, s', ({ pokedAfterS }) => pokedAfterS],
    ...steadyRows<SensorFigures>(use, plan.seconds),
    ['activities running', ({ running }) => running],
    ['activities waiting for their next try', ({ waiting }) => waiting],
    ['timers of a task', ({ timersPerTask }) => timersPerTask],
    ['history events as the window opens', ({ historyEvents }) => historyEvents[0]],
    ['history events as it closes', ({ historyEvents }) => historyEvents[1]],
  ];
  return toMarkdown(
    ['figure', `${plan.count} sensors, every ${plan.pokeIntervalS} s`],
    fill(rows, [figures]),
  );
}

function steadyRows<T>(use: Use, seconds: number): Row<T>[] {
  return use.roles.flatMap(({ name, cpuS, peakMb }): Row<T>[] => [
    [`${name}, CPU %`, () => (cpuS * 100) / seconds],
    [`${name}, MB`, () => peakMb],
  ]);
}

function cpuOf({ roles }: Use): number {
  return roles.filter(({ apart }) => !apart).reduce((sum, { cpuS }) => sum + cpuS, 0);
}

function allCpuOf({ roles }: Use): number {
  return roles.reduce((sum, { cpuS }) => sum + cpuS, 0);
}

type Row<T> = readonly [string, (figures: T) => number];

function fill<T>(rows: readonly Row<T>[], columns: readonly T[]): string[][] {
  return rows.map(([label, read]) => [label, ...columns.map((column) => format(read(column)))]);
}

function toMarkdown(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function format(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? Math.round(value).toString() : value.toFixed(value < 10 ? 2 : 1);
}
