import { LonghaulError } from '../connector/errors';
import { apiError } from './api-error';
import type { CountersReport } from './counters';
import { parseFault, parseFaultSpec, type FaultSpec } from './faults';
import { readJsonObject, type HttpRequest } from './http';
import type { OutcomeRule } from './outcomes';
import type { SecretValue } from './secret-store';
import { EXPIRED_STATUSES, type TokenTrouble } from './token-trouble';
import type { WebhookDelivery, WebhookDestination } from './webhooks';
import {
  readFlag,
  readId,
  readInteger,
  readObject,
  readText,
  type WireObject,
  type WireValue,
} from './wire-json';

/** What can be done to the simulated workspace from outside of its API. Every method is safe to repeat. */
export interface AdminPort {
  readonly counters: () => CountersReport;
  readonly addFault: (fault: FaultSpec) => void;
  readonly clearFaults: () => void;
  readonly setOutcome: (rule: OutcomeRule) => void;
  readonly clearOutcomes: () => void;
  readonly allowToken: (token: string) => void;
  readonly revokeToken: (token: string) => void;
  /** Changes how the age of OAuth tokens is judged from now on. */
  readonly setTokenTrouble: (trouble: Partial<TokenTrouble>) => void;
  /** The token endpoint exchanges exactly this token for one of its own. */
  readonly allowSubject: (subjectToken: string) => void;
  /** A secret for the notebooks. */
  readonly setSecret: (secret: SecretValue) => void;
  readonly addWebhook: (destination: WebhookDestination) => void;
  readonly clearWebhooks: () => void;
  readonly webhookDeliveries: () => readonly WebhookDelivery[];
  /** Removes a run, even an active one. Returns whether there was one. */
  readonly deleteRun: (runId: string) => boolean;
  readonly refuseFor: (ms: number) => void;
  readonly advanceClock: (ms: number) => void;
  readonly health: () => WireObject;
}

type AdminHandler = (admin: AdminPort, body: WireObject) => WireValue;

/**
 * The admin endpoints. All take and give JSON, need no token, and answer only to this machine.
 *
 * | endpoint | body | does |
 * |---|---|---|
 * | GET /simulator/health | | `{status, now, speed, activeRuns}` |
 * | GET /simulator/counters | | {@link CountersReport} |
 * | POST /simulator/faults | {@link FaultSpec} or `{fault: 'submit:commit-then-503:times=1'}` | adds a fault |
 * | DELETE /simulator/faults | | removes all faults |
 * | POST /simulator/outcomes | `{match, outcome}`, {@link OutcomeRule} | scripts what becomes of matching tasks |
 * | DELETE /simulator/outcomes | | forgets all scripts |
 * | POST /simulator/tokens | `{token, allowed}` | allows (default) or revokes a bearer token |
 * | POST /simulator/token-trouble | `{skewSeconds?, expiredStatus?}`, {@link TokenTrouble} | changes how old is too old |
 * | POST /simulator/subjects | `{subject_token}` | a token that the token endpoint exchanges |
 * | POST /simulator/secrets | `{scope, key, value}` | sets a secret that notebooks may read |
 * | GET /simulator/webhooks | | `{deliveries}`, the last {@link WebhookDelivery} |
 * | POST /simulator/webhooks | `{id, url}` | sends the webhook notifications of that id to the address |
 * | DELETE /simulator/webhooks | | forgets all addresses |
 * | POST /simulator/runs/delete | `{run_id}` | deletes a run, even an active one |
 * | POST /simulator/refuse | `{ms}` | really closes the listening socket for so many real ms (default 5000) |
 * | POST /simulator/clock | `{advanceMs}` | moves the simulated clock forward |
 */
const ENDPOINTS: Readonly<Record<string, AdminHandler>> = {
  'GET /simulator/health': (admin) => admin.health(),
  'GET /simulator/counters': (admin) => toWire(admin.counters()),
  'POST /simulator/faults': (admin, body) => done(() => admin.addFault(readFault(body))),
  'DELETE /simulator/faults': (admin) => done(() => admin.clearFaults()),
  'POST /simulator/outcomes': (admin, body) => done(() => admin.setOutcome(readOutcome(body))),
  'DELETE /simulator/outcomes': (admin) => done(() => admin.clearOutcomes()),
  'POST /simulator/tokens': (admin, body) => done(() => changeToken(admin, body)),
  'POST /simulator/token-trouble': (admin, body) => done(() => admin.setTokenTrouble(readTrouble(body))),
  'POST /simulator/subjects': (admin, body) =>
    done(() => admin.allowSubject(required(body, 'subject_token'))),
  'POST /simulator/secrets': (admin, body) => done(() => admin.setSecret(readSecret(body))),
  'GET /simulator/webhooks': (admin) => ({ deliveries: admin.webhookDeliveries().map(toRow) }),
  'POST /simulator/webhooks': (admin, body) =>
    done(() => admin.addWebhook({ id: required(body, 'id'), url: required(body, 'url') })),
  'DELETE /simulator/webhooks': (admin) => done(() => admin.clearWebhooks()),
  'POST /simulator/runs/delete': (admin, body) => ({ deleted: admin.deleteRun(readId(body, 'run_id')) }),
  'POST /simulator/refuse': (admin, body) => done(() => admin.refuseFor(readInteger(body, 'ms') ?? 5000)),
  'POST /simulator/clock': (admin, body) =>
    done(() => admin.advanceClock(readInteger(body, 'advanceMs') ?? 0)),
};

/** @throws ApiError 403 to other machines, 404 for an endpoint that does not exist, 400 for what it cannot read */
export function handleAdmin(
  request: HttpRequest,
  remoteAddress: string | undefined,
  admin: AdminPort,
): WireValue {
  if (!isLoopback(remoteAddress)) {
    throw apiError('PERMISSION_DENIED', 'The admin endpoints answer only to this machine.');
  }
  const handler = ENDPOINTS[`${request.method} ${request.path}`];
  if (handler === undefined) {
    throw apiError('ENDPOINT_NOT_FOUND', `No admin endpoint ${request.method} ${request.path}`);
  }
  return handler(admin, readJsonObject(request.body));
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}

function readFault(body: WireObject): FaultSpec {
  try {
    const text = readText(body, 'fault');
    return text === undefined ? parseFault(body) : parseFaultSpec(text);
  } catch (error) {
    throw apiError('INVALID_PARAMETER_VALUE', LonghaulError.from(error).message);
  }
}

/** Test equipment: a script is taken as it comes, its fields are read one by one where they are used. */
function readOutcome(body: WireObject): OutcomeRule {
  const outcome = readObject(body, 'outcome');
  if (outcome === undefined) throw apiError('INVALID_PARAMETER_VALUE', 'outcome is required');
  return { match: readObject(body, 'match') ?? {}, outcome };
}

function readSecret(body: WireObject): SecretValue {
  return { scope: required(body, 'scope'), key: required(body, 'key'), value: required(body, 'value') };
}

function toRow(delivery: WebhookDelivery): WireObject {
  return { ...delivery };
}

function readTrouble(body: WireObject): Partial<TokenTrouble> {
  const skewSeconds = readInteger(body, 'skewSeconds');
  const status = readInteger(body, 'expiredStatus');
  const expiredStatus = EXPIRED_STATUSES.find((candidate) => candidate === status);
  if (status !== expiredStatus) {
    throw apiError('INVALID_PARAMETER_VALUE', `expiredStatus is ${EXPIRED_STATUSES.join(' or ')}`);
  }
  return {
    ...(skewSeconds === undefined ? {} : { skewSeconds }),
    ...(expiredStatus === undefined ? {} : { expiredStatus }),
  };
}

function required(body: WireObject, field: string): string {
  const text = readText(body, field) ?? '';
  if (text === '') throw apiError('INVALID_PARAMETER_VALUE', `${field} is required`);
  return text;
}

function changeToken(admin: AdminPort, body: WireObject): void {
  const token = required(body, 'token');
  if (readFlag(body, 'allowed') ?? true) admin.allowToken(token);
  else admin.revokeToken(token);
}

function toWire(report: CountersReport): WireValue {
  return report as unknown as WireValue; // plain JSON data
}

function done(act: () => void): WireObject {
  act();
  return {};
}
