import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of Linux are 10 ms. */
const TICK_MS = 10;

interface ProcessRow {
  readonly parent: number;
  readonly ownCpuMs: number;
  /** With that of children that have ended and were waited for. */
  readonly cpuMs: number;
}

/** All processes of this machine at one moment. */
export type ProcessTable = ReadonlyMap<number, ProcessRow>;

export function readProcessTable(): ProcessTable {
  const table = new Map<number, ProcessRow>();
  for (const name of readdirSync('/proc')) {
    const row = /^\d+$/.test(name) ? readRow(name) : undefined;
    if (row !== undefined) table.set(Number(name), row);
  }
  return table;
}

function readRow(pid: string): ProcessRow | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  if (stat === '') return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) * TICK_MS;
  const ownCpuMs = ticks(11) + ticks(12);
  return { parent: Number(fields[1]), ownCpuMs, cpuMs: ownCpuMs + ticks(13) + ticks(14) };
}

/** A process may end between two looks. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The process and all that descend from it, whatever session or group they made for themselves. */
export function treeOf(root: number, table: ProcessTable): number[] {
  const members = [root];
  const left = new Map(table);
  for (const parent of members) {
    for (const [pid, row] of left) {
      if (row.parent !== parent) continue;
      members.push(pid);
      left.delete(pid);
    }
  }
  return members.filter((pid) => table.has(pid));
}

/** Processor time of the tree so far, that of its ended members included. */
export function treeCpuMs(root: number, table: ProcessTable): number {
  return treeOf(root, table).reduce((sum, pid) => sum + (table.get(pid)?.cpuMs ?? 0), 0);
}

/** Proportional set size: what several processes share is counted once. */
export function treePssMb(root: number, table: ProcessTable): number {
  const kib = treeOf(root, table).map(
    (pid) => /^Pss:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1],
  );
  return kib.reduce((sum, text) => sum + Number(text ?? 0), 0) / 1024;
}
