import { createSealing } from '../../../src/config/sealing';
import type { TaskStatus } from '../../../src/client';
import { createConnections } from '../../../src/service/tasks/connections';
import { createLastAnswers } from '../../../src/service/tasks/last-answers';

const NOW = Date.UTC(2026, 10, 21, 12);
const HOUR = 3_600_000;
const RUNNING = { phase: 'RUNNING', message: 'RUNNING', links: [], customInfo: { attempt: 1 } } as const;

describe('last answers', () => {
  test('are given again for six hours and say that they are from memory', () => {
    const answers = createLastAnswers();
    answers.remember('a', RUNNING, NOW);
    expect(answers.recall('a', NOW + 6 * HOUR)).toMatchObject({
      phase: 'RUNNING',
      message: expect.stringContaining('last known at 2026-11-21T12:00:00.000Z; Temporal does not answer'),
      customInfo: { attempt: 1, lastKnownAt: '2026-11-21T12:00:00.000Z' },
    });
    expect(answers.recall('a', NOW + 6 * HOUR + 1)).toBeUndefined();
    expect(answers.recall('b', NOW)).toBeUndefined();
  });

  test('are bounded: the one that was not asked for longest goes first', () => {
    const answers = createLastAnswers();
    for (let index = 0; index <= 20_000; index += 1) {
      answers.remember(String(index), RUNNING, NOW);
      answers.remember('often', RUNNING, NOW);
    }
    expect(answers.recall('0', NOW)).toBeUndefined();
    expect(answers.recall('20000', NOW)).toBeDefined();
    expect(answers.recall('often', NOW)).toBeDefined();
  });
});

describe('connections', () => {
  const sealing = createSealing([{ id: 'k1', key: Buffer.alloc(32, 7) }]);
  const values = { databricks_token: 'dapi-1' };
  const open = (more: Partial<TaskStatus> = {}): TaskStatus => ({
    id: 'task',
    runId: 'run',
    taskType: 'databricks v0',
    state: 'OPEN',
    phase: 'RUNNING',
    links: [],
    attempt: 1,
    startedAt: NOW,
    historyLength: 5,
    ...more,
  });

  test('hold references that open for their task only, and a digest', () => {
    const connection = createConnections(sealing).seal(values, 'task', NOW);
    expect(JSON.stringify(connection)).not.toContain('dapi-1');
    expect(sealing.open(connection?.secrets['databricks_token'] ?? '', 'task')).toBe('dapi-1');
    expect(connection).toMatchObject({ sealedFor: 'task', sealedAt: NOW, digest: sealing.digest(values) });
  });

  test('nothing, and empty values, are nothing to seal; a value without a key is refused', () => {
    const keyless = createConnections(undefined);
    expect(keyless.seal(undefined, 'task', NOW)).toBeUndefined();
    expect(keyless.seal({ databricks_token: '' }, 'task', NOW)).toBeUndefined();
    expect(() => keyless.seal(values, 'task', NOW)).toThrow(
      'connection.secrets: this service has no key to seal secrets with.',
    );
    expect(keyless.renewalOf(values, open(), NOW)).toBeUndefined();
  });

  test('are renewed when other values come, at most once a minute, for open tasks', () => {
    const connections = createConnections(sealing);
    const connection = connections.seal(values, 'task', NOW);
    const known = open(connection === undefined ? {} : { connection });
    const other = { databricks_token: 'dapi-2' };
    expect(connections.renewalOf(values, known, NOW + 2 * HOUR)).toBeUndefined();
    expect(connections.renewalOf(other, known, NOW + 1_000)).toMatchObject({ digest: sealing.digest(other) });
    expect(connections.renewalOf(other, known, NOW + 60_000)).toBeUndefined();
    expect(connections.renewalOf(other, known, NOW + 61_000)).toBeDefined();
    expect(connections.renewalOf(other, { ...known, state: 'FAILED' }, NOW + HOUR)).toBeUndefined();
  });

  test('another replica sees by the task when they were last renewed', () => {
    const connection = createConnections(sealing).seal(values, 'task', NOW + HOUR);
    const known = open(connection === undefined ? {} : { connection });
    const other = { databricks_token: 'dapi-2' };
    const connections = createConnections(sealing);
    expect(connections.renewalOf(other, known, NOW + HOUR + 59_000)).toBeUndefined();
    expect(connections.renewalOf(other, known, NOW + HOUR + 60_000)).toBeDefined();
  });
});
