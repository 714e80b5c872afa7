import { setTimeout as sleep } from 'node:timers/promises';

import { LonghaulError } from '../connector/errors';
import { isActive, type Run } from './model';
import { notificationsOf, type Notification } from './notifications';
import { toWireJson, type WireObject } from './wire-json';

export interface WebhookDestination {
  readonly id: string;
  readonly url: string;
}

/** One notification to one destination. */
export interface WebhookDelivery {
  readonly id: string;
  readonly url: string;
  readonly payload: WireObject;
  tries: number;
  state: 'waiting' | 'delivered' | 'failed';
  /** What the last try gave: an HTTP status, or why there was none. */
  answer?: number | string;
}

/** Tells the configured destinations what happens to runs. Without a destination it does nothing at all. */
export interface Webhooks {
  readonly add: (destination: WebhookDestination) => void;
  readonly clear: () => void;
  /** Sends what is new. Returns at once: nobody waits for a destination. */
  readonly look: () => void;
  /** The last ones, oldest first. */
  readonly deliveries: () => readonly WebhookDelivery[];
  readonly close: () => void;
}

export interface WebhookOptions {
  readonly destinations: readonly WebhookDestination[];
  readonly runs: () => Iterable<Run>;
  readonly now: () => number;
  /** Real ms before the second try; twice as long before each one after it. Default 1000. */
  readonly retryMs?: number;
}

const TRIES = 4;
const TRY_LIMIT_MS = 5_000;
const KEPT_DELIVERIES = 200;

export function createWebhooks({ destinations, runs, now, retryMs = 1_000 }: WebhookOptions): Webhooks {
  const urls = new Map<string, string>();
  const seen = new Set<string>();
  /** Runs that have ended and been told of, with the number of their repairs: another one opens them again. */
  const settled = new WeakMap<Run, number>();
  const deliveries: WebhookDelivery[] = [];
  const closing = new AbortController();
  const takeNew = (): Notification[] => {
    const open = [...runs()].filter((run) => settled.get(run) !== run.repairs.length);
    const found = open.flatMap((run) => notificationsOf(run, now()));
    for (const run of open) if (!isActive(run)) settled.set(run, run.repairs.length);
    const fresh = found.filter(({ key }) => !seen.has(key));
    for (const { key } of fresh) seen.add(key);
    return fresh;
  };
  const start = (delivery: WebhookDelivery): void => {
    deliveries.push(delivery);
    if (deliveries.length > KEPT_DELIVERIES) deliveries.shift();
    void deliver(delivery, retryMs, closing.signal);
  };
  const webhooks: Webhooks = {
    add: ({ id, url }) => {
      if (urls.size === 0) takeNew(); // what happened before anybody listened is told to nobody
      urls.set(id, url);
    },
    clear: () => urls.clear(),
    look: () => {
      if (urls.size > 0) {
        takeNew()
          .flatMap((notification) => addressed(notification, urls))
          .forEach(start);
      }
    },
    deliveries: () => deliveries,
    close: () => closing.abort(),
  };
  destinations.forEach(webhooks.add);
  return webhooks;
}

function addressed(
  { destinations, payload }: Notification,
  urls: ReadonlyMap<string, string>,
): WebhookDelivery[] {
  return destinations.flatMap((id) => {
    const url = urls.get(id);
    return url === undefined ? [] : [{ id, url, payload, tries: 0, state: 'waiting' as const }];
  });
}

/** Tries until it is taken, the tries are spent, or the workspace closes. Never rejects. */
async function deliver(delivery: WebhookDelivery, retryMs: number, closing: AbortSignal): Promise<void> {
  while (delivery.tries < TRIES && !closing.aborted) {
    if (delivery.tries > 0) await pause(retryMs * 2 ** (delivery.tries - 1), closing);
    delivery.tries += 1;
    delivery.answer = await post(delivery, closing);
    if (typeof delivery.answer === 'number' && delivery.answer < 300) {
      delivery.state = 'delivered';
      return;
    }
  }
  delivery.state = 'failed';
}

async function pause(ms: number, closing: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: closing, ref: false }).catch(() => undefined); // closed meanwhile
}

async function post({ url, payload }: WebhookDelivery, closing: AbortSignal): Promise<number | string> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: toWireJson(payload),
      redirect: 'manual',
      signal: AbortSignal.any([closing, AbortSignal.timeout(TRY_LIMIT_MS)]),
    });
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    const { cause } = error as Error; // fetch hides what happened in there
    return cause instanceof Error ? cause.message : String(error);
  }
}

/** Reads `ID=URL`. @throws CONFIG */
export function parseWebhook(text: string): WebhookDestination {
  const [, id, url] = /^([^=]+)=(https?:\/\/.+)$/.exec(text) ?? [];
  if (id !== undefined && url !== undefined) return { id, url };
  throw new LonghaulError('CONFIG', `--webhook takes ID=URL, not '${text}'.`);
}
