import { LonghaulError } from '../connector/errors';
import { toText, type WireObject } from './wire-json';

/**
 * Trouble on demand. `status` answers with `status` and does nothing; `commit-then-status` does what was asked and then
 * answers with `status`; the two resets destroy the connection before or after; `hang` never answers and, if
 * `commitAfterMs` is set, still does what was asked so much later; `refused` closes the listening socket for `ms`;
 * `unknown-state` shows `lifeCycle`, `result`, `state` on `get` and `list`; `run-deleted` deletes the run asked for;
 * `html` answers `status` with a proxy's HTML page, `redirect` with one to a login page.
 */
export const FAULT_KINDS = [
  'status',
  'commit-then-status',
  'reset',
  'commit-then-reset',
  'hang',
  'latency',
  'refused',
  'unknown-state',
  'run-deleted',
  'html',
  'redirect',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Times here are REAL milliseconds and seconds: they are meant for the client's time-outs. */
export interface FaultSpec {
  /** Such as `submit`, `get`, `token`; `*` for every operation. */
  readonly operation: string;
  readonly kind: FaultKind;
  /** How often it happens. Default: without end for latency and unknown-state, once for all others. 0 = without end. */
  readonly times?: number;
  /** Requests let through before it begins. Default 0. */
  readonly skip?: number;
  readonly status?: number;
  readonly retryAfter?: number | string;
  readonly code?: string;
  readonly message?: string;
  readonly ms?: number;
  readonly commitAfterMs?: number;
  readonly lifeCycle?: string;
  readonly result?: string;
  /** The v2 `status.state`. */
  readonly state?: string;
}

const NUMBERS = new Set(['times', 'skip', 'status', 'ms', 'commitAfterMs']);
const TEXTS = new Set(['retryAfter', 'code', 'message', 'lifeCycle', 'result', 'state']);

/**
 * Reads `operation:kind[:name=value…]`, such as `submit:commit-then-503:times=1` or `get:429:retryAfter=2:times=3`.
 * A bare HTTP status is short for `status`. `times=forever` is `times=0`.
 * @throws CONFIG naming what is wrong
 */
export function parseFaultSpec(text: string): FaultSpec {
  const [operation = '', kind = '', ...settings] = text.split(':');
  const fields = settings.map((setting) => {
    const [name = '', ...value] = setting.split('=');
    return [name, value.join('=')] as const;
  });
  return toFault(text, { operation, kind }, fields);
}

/** Reads a fault from an admin request: the fields of {@link FaultSpec}, kind may be a bare status. @throws CONFIG */
export function parseFault({ operation, kind, ...rest }: WireObject): FaultSpec {
  const fields = Object.entries(rest).map(([name, value]) => [name, toText(value)] as const);
  const names = { operation: toText(operation ?? ''), kind: toText(kind ?? '') };
  return toFault(`${names.operation}:${names.kind}`, names, fields);
}

function toFault(
  text: string,
  { operation, kind }: { readonly operation: string; readonly kind: string },
  fields: readonly (readonly [string, string])[],
): FaultSpec {
  if (operation === '' || kind === '') throw invalid(text, 'must be operation:kind[:name=value…]');
  const settings = fields.map(([name, value]) => [name, parseSetting(name, value, text)] as const);
  return { operation, ...parseKind(kind, text), ...Object.fromEntries(settings) };
}

function parseKind(kindText: string, text: string): Pick<FaultSpec, 'kind' | 'status'> {
  const prefix = /^(commit-then-)?(\d{3})$/.exec(kindText);
  if (prefix !== null) {
    return { kind: prefix[1] === undefined ? 'status' : 'commit-then-status', status: Number(prefix[2]) };
  }
  const kind = FAULT_KINDS.find((candidate) => candidate === kindText);
  if (kind === undefined) {
    throw invalid(text, `unknown kind '${kindText}' (an HTTP status or ${FAULT_KINDS.join(', ')})`);
  }
  return { kind };
}

function parseSetting(name: string, value: string, text: string): string | number {
  if (TEXTS.has(name)) return value;
  if (!NUMBERS.has(name)) throw invalid(text, `unknown setting '${name}'`);
  if (name === 'times' && value === 'forever') return 0;
  if (!/^\d+$/.test(value)) throw invalid(text, `${name} must be a whole number, not '${value}'`);
  return Number(value);
}

function invalid(text: string, reason: string): LonghaulError {
  return new LonghaulError('CONFIG', `fault '${text}': ${reason}`, { field: 'fault' });
}

/** The faults still to happen, in the order they were added. */
export interface FaultBook {
  readonly add: (fault: FaultSpec) => void;
  readonly clear: () => void;
  /** What happens to this request: all latencies that match, and the first of the other faults. Uses them up. */
  take(operation: string): { readonly latencyMs: number; readonly fault: FaultSpec | undefined };
  readonly list: () => readonly FaultSpec[];
}

interface Entry {
  readonly fault: FaultSpec;
  skip: number;
  left: number;
}

export function createFaultBook(faults: readonly FaultSpec[]): FaultBook {
  let entries = faults.map(toEntry);
  return {
    add: (fault) => entries.push(toEntry(fault)),
    clear: () => {
      entries = [];
    },
    take: (operation) => {
      const matching = entries.filter(
        ({ fault }) => fault.operation === '*' || fault.operation === operation,
      );
      const latencyMs = matching
        .filter(isLatency)
        .filter(use)
        .reduce((sum, { fault }) => sum + (fault.ms ?? 0), 0);
      const other = matching.filter((entry) => !isLatency(entry)).find(use);
      entries = entries.filter(({ left }) => left > 0);
      return { latencyMs, fault: other?.fault };
    },
    list: () => entries.map(({ fault, left }) => (Number.isFinite(left) ? { ...fault, times: left } : fault)),
  };
}

function toEntry(fault: FaultSpec): Entry {
  const usual = fault.kind === 'latency' || fault.kind === 'unknown-state' ? 0 : 1;
  const times = fault.times ?? usual;
  return { fault, skip: fault.skip ?? 0, left: times === 0 ? Number.POSITIVE_INFINITY : times };
}

function isLatency({ fault }: Entry): boolean {
  return fault.kind === 'latency';
}

function use(entry: Entry): boolean {
  if (entry.skip > 0) {
    entry.skip -= 1;
    return false;
  }
  entry.left -= 1;
  return true;
}
