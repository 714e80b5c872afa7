import type { TaskStatus } from '../../client';
import type { Sealing } from '../../config/sealing';
import type { Connection } from '../../connector/connection';
import { LonghaulError } from '../../connector/errors';
import { createBoundedMap } from './bounded-map';

/** Secret values by name, as the wire brings them. */
export type SecretValues = Readonly<Record<string, string>>;

/** Others are handed on at most this often: each change of credentials costs the task some events. */
const RENEWED_AT_MOST_EVERY_MS = 60_000;
/** More than one replica hands on within a minute. */
const MOST_RENEWALS = 10_000;

/** Seals what came with a task at the door; values go no further than this. */
export interface Connections {
  /** @throws CONFIG when there is something to seal and no key. */
  seal(values: SecretValues | undefined, id: string, now: number): Connection | undefined;
  /** What an open task should use from now on; undefined when it has it already, or had other ones a moment ago. */
  renewalOf(values: SecretValues | undefined, status: TaskStatus, now: number): Connection | undefined;
}

export function createConnections(sealing: Sealing | undefined): Connections {
  const renewedAt = createBoundedMap<number>(MOST_RENEWALS);
  const seal: Connections['seal'] = (values, id, now) => {
    const present = withoutEmpty(values);
    return present === undefined ? undefined : sealAll(needed(sealing), present, { id, now });
  };
  return {
    seal,
    renewalOf: (values, status, now) => {
      const present = withoutEmpty(values);
      if (present === undefined || sealing === undefined || status.state !== 'OPEN') return undefined;
      if (sealing.digest(present) === status.connection?.digest) return undefined;
      const lastAt = Math.max(renewedBefore(status), renewedAt.get(status.id) ?? 0);
      if (now - lastAt < RENEWED_AT_MOST_EVERY_MS) return undefined;
      renewedAt.set(status.id, now);
      return seal(present, status.id, now);
    },
  };
}

/** By whichever replica; what the task came with is no renewal. */
function renewedBefore({ connection, startedAt }: TaskStatus): number {
  const sealedAt = connection?.sealedAt ?? 0;
  return sealedAt > startedAt ? sealedAt : 0;
}

function sealAll(
  sealing: Sealing,
  values: SecretValues,
  { id, now }: { readonly id: string; readonly now: number },
): Connection {
  const sealed = Object.entries(values).map(([name, value]) => [name, sealing.seal(value, id)] as const);
  return {
    secrets: Object.fromEntries(sealed),
    sealedFor: id,
    digest: sealing.digest(values),
    sealedAt: now,
  };
}

/** An empty value stands for a secret that the engine did not find. */
function withoutEmpty(values: SecretValues = {}): SecretValues | undefined {
  const present = Object.entries(values).filter(([, value]) => value !== '');
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

function needed(sealing: Sealing | undefined): Sealing {
  if (sealing !== undefined) return sealing;
  throw new LonghaulError('CONFIG', 'connection.secrets: this service has no key to seal secrets with.', {
    field: 'connection.secrets',
    advice: 'Set LONGHAUL_SEALING_KEYS_FILE for the service and the workers.',
  });
}
