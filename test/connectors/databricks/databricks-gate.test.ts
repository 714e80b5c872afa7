import type { LonghaulError } from '../../../src/connector';
import { createGate, type Gate, type Lane } from '../../../src/connectors/databricks/databricks-gate';
import { rejection } from './support/calls';

const { signal: never } = new AbortController();

function open(requestsPerSecond: number, submitsPerSecond = requestsPerSecond): Gate {
  return createGate({ host: 'w', budget: { requestsPerSecond, submitsPerSecond }, random: () => 0 });
}

/** Takes what may go at once, so that the next one waits. */
async function exhaust(gate: Gate, requests: number): Promise<void> {
  for (let taken = 0; taken < requests; taken += 1) await gate.pass('look', never);
}

async function heldBack(passing: Promise<unknown>): Promise<LonghaulError> {
  const thrown = await rejection(passing);
  expect(thrown).toMatchObject({ code: 'RATE_LIMITED', isHeldBack: true });
  return thrown as LonghaulError;
}

test('cancels go first, then starts, then the rest of a look, then looks', async () => {
  const gate = open(20);
  await exhaust(gate, 10);
  const gone: Lane[] = [];
  const lanes: readonly Lane[] = ['look', 'look', 'rest', 'start', 'urgent'];
  await Promise.all(
    lanes.map(async (lane) => gone.push((await gate.pass(lane, never).then(() => lane)) as never)),
  );
  expect(gone).toEqual(['urgent', 'start', 'rest', 'look', 'look']);
});

test('starts have a limit of their own, which holds up nobody else', async () => {
  const gate = open(100, 1);
  await gate.pass('start', never);
  const began = performance.now();
  const start = gate.pass('start', never);
  await gate.pass('look', never);
  expect(performance.now() - began).toBeLessThan(500);
  await start;
  expect(performance.now() - began).toBeGreaterThan(900);
});

test('a look that would wait for more than seconds is told when to come back, one after the other', async () => {
  const gate = open(1);
  await gate.pass('look', never);
  gate.answered('look', 0, { scope: 'all', wishedMs: 60_000 });
  const first = await heldBack(gate.pass('look', never));
  const second = await heldBack(gate.pass('look', never));
  expect(first.retryAfterMs).toBeGreaterThan(59_000);
  expect((second.retryAfterMs ?? 0) - (first.retryAfterMs ?? 0)).toBeGreaterThan(1_000);
  expect(first.message).toContain('request budget');
});

test('a refusal sends those away who wait already', async () => {
  const gate = open(1);
  await gate.pass('look', never);
  const waiting = heldBack(gate.pass('look', never));
  gate.answered('look', performance.now(), { scope: 'all', wishedMs: 30_000 });
  expect((await waiting).retryAfterMs).toBeGreaterThan(29_000);
});

test('a refusal of starts lets looks and cancels go on', async () => {
  const gate = open(100);
  gate.answered('start', performance.now(), { scope: 'starts', wishedMs: 30_000 });
  await heldBack(gate.pass('start', never));
  await gate.pass('look', never);
  await gate.pass('urgent', never);
});

test('whoever waits leaves with the reason of its cancellation, and takes nobody’s place', async () => {
  const gate = open(2);
  await gate.pass('look', never);
  const controller = new AbortController();
  const canceled = rejection(gate.pass('urgent', controller.signal));
  const patient = gate.pass('look', never);
  controller.abort('canceled');
  expect(await canceled).toBe('canceled');
  const began = performance.now();
  await patient;
  expect(performance.now() - began).toBeLessThan(900);
});
