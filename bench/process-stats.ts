import { readFileSync } from 'node:fs';

/** Clock ticks of Linux are 10 ms. */
const TICK_MS = 10;

/** Processor time of a process and its children so far. */
export function cpuMsOf(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + ticksOf(member) * TICK_MS, 0);
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Memory of a process and its children. */
export function rssMbOf(pid: number): number {
  const kib = familyOf(pid).map(
    (member) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1],
  );
  return Math.round(kib.reduce((sum, text) => sum + Number(text ?? 0), 0) / 1024);
}

/** A dev server runs under a small shell that dies with us: its children count. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...children.split(' ').filter(Boolean).map(Number)];
}
