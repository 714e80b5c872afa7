import type { ConnectorRegistry } from '../src/connector/registry';
import type { SecretAsker } from '../src/connector/secret-reference';

/** Secrets as the activities need them: resolved just before use, redacted from all that comes back. */
export interface SecretPort {
  /** @throws SECRET_UNAVAILABLE, PERMISSION_DENIED. */
  resolve(reference: string, asker?: SecretAsker): Promise<string>;
  /** Opens a `sealed:` reference for the task it was sealed for. @throws SECRET_UNAVAILABLE. */
  open(reference: string, sealedFor: string): Promise<string>;
  /** The operator's `secrets.allow`. */
  readonly allowed: readonly string[];
  /** Replaces every known secret value in a JSON value or text. */
  redact<T>(value: T): T;
}

/** What a worker hands to its activities. */
export interface ActivityDependencies {
  readonly registry: ConnectorRegistry;
  readonly secrets: SecretPort;
  /** For tests; defaults to Math.random. */
  readonly random?: () => number;
  /** Trouble shorter than this is waited out without showing it; default one minute. */
  readonly troubleShownAfterMs?: number;
}
