import { readProcessTable, treeCpuMs, treePssMb } from './process-tree';

/** A process tree under the name by which its figures are given. */
export interface Role {
  readonly name: string;
  readonly pid: () => number;
  /** Stands beside what is compared, such as a database; counted apart. */
  readonly apart?: boolean;
}

export interface RoleUse {
  readonly name: string;
  readonly apart: boolean;
  readonly cpuS: number;
  /** Of the first process of the tree alone, without its children. */
  readonly ownCpuS: number;
  readonly peakMb: number;
}

export interface Use {
  readonly roles: readonly RoleUse[];
  /** Of all roles that are not apart, at the same moment. */
  readonly peakMb: number;
  /** What this process itself took from the others meanwhile. */
  readonly driverCpuS: number;
}

/** Often enough for a peak that lasts seconds; reading PSS takes milliseconds for each process. */
const LOOK_EVERY_MS = 3_000;

/** Memory of all roles that are not apart, now. */
export function memoryOf(roles: readonly Role[]): number {
  const table = readProcessTable();
  const counted = roles.filter(({ apart }) => apart !== true);
  return counted.reduce((sum, { pid }) => sum + treePssMb(pid(), table), 0);
}

/** Watches process trees until it is called again; a tree must not be restarted meanwhile. */
export function watch(roles: readonly Role[]): () => Use {
  const before = cpuOf(roles);
  const driverBefore = process.cpuUsage();
  const peaks = new Map<string, number>();
  let peakMb = 0;
  const look = (): void => {
    peakMb = Math.max(peakMb, lookAtMemory(roles, peaks));
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    const after = cpuOf(roles);
    const { user, system } = process.cpuUsage(driverBefore);
    return {
      roles: roles.map((role, index) => useOf(role, [before[index], after[index]], peaks)),
      peakMb,
      driverCpuS: (user + system) / 1e6,
    };
  };
}

interface Cpu {
  readonly treeMs: number;
  readonly ownMs: number;
}

function cpuOf(roles: readonly Role[]): Cpu[] {
  const table = readProcessTable();
  return roles.map(({ pid }) => ({
    treeMs: treeCpuMs(pid(), table),
    ownMs: table.get(pid())?.ownCpuMs ?? 0,
  }));
}

function lookAtMemory(roles: readonly Role[], peaks: Map<string, number>): number {
  const table = readProcessTable();
  let sum = 0;
  for (const { name, pid, apart } of roles) {
    const mb = treePssMb(pid(), table);
    peaks.set(name, Math.max(peaks.get(name) ?? 0, mb));
    if (apart !== true) sum += mb;
  }
  return sum;
}

function useOf(
  { name, apart }: Role,
  [before, after]: readonly [Cpu | undefined, Cpu | undefined],
  peaks: ReadonlyMap<string, number>,
): RoleUse {
  const cpuS = ((after?.treeMs ?? 0) - (before?.treeMs ?? 0)) / 1000;
  const ownCpuS = ((after?.ownMs ?? 0) - (before?.ownMs ?? 0)) / 1000;
  return { name, apart: apart ?? false, cpuS, ownCpuS, peakMb: peaks.get(name) ?? 0 };
}
