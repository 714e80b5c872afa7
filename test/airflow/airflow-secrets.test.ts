import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TaskOutcome } from '../../src/client';
import type { JsonObject } from '../../src/connector';
import { findSecrets, readFolder, toText, type Place } from '../durability/support/secret-scan';
import { notesOf, type AirflowBench } from './support/airflow-bench';
import { HTTP, operator, python, submitRun } from './support/operators';
import type { PythonWorker } from './support/python-worker';
import { describeBothMajors } from './support/suite';

/** Values given as secrets reach the code that needs them, and are found nowhere else. */
const LIMIT_MS = 120_000;
const canary = (): string => randomBytes(24).toString('hex');
const SECRETS = {
  argument: canary(),
  password: canary(),
  variable: canary(),
  header: canary(),
  inherited: canary(),
};

const keys = mkdtempSync(join(tmpdir(), 'lh-airflow-keys-'));
const keysFile = join(keys, 'sealing.keys');
writeFileSync(keysFile, `k1 ${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
afterAll(() => rmSync(keys, { recursive: true, force: true }));

function secret(name: string): JsonObject {
  return { $secret: `env:LONGHAUL_SECRET_${name}` };
}

/** Hands its secrets to a callable that shows them in every way it can. */
function leak(file: string, mode: string): JsonObject {
  const given = { op_kwargs: { secret: secret('ARGUMENT'), file } };
  return python('leak', given, {
    params: { mode },
    connections: { leaky: { conn_type: 'http', host: 'h', password: secret('PASSWORD') } },
    variables: { leaky: secret('VARIABLE') },
  });
}

/** The site sends the header back. Deferred, the header is kept by the trigger, and comes back in its event. */
function echo(deferrable: boolean, endpoint = 'echo'): JsonObject {
  return operator(HTTP, {
    endpoint,
    method: 'GET',
    deferrable,
    headers: { Authorization: secret('HEADER') },
  });
}

interface Leaked {
  readonly worker: PythonWorker;
  readonly tasks: ReadonlyMap<string, { readonly id: string; readonly outcome: TaskOutcome }>;
  readonly places: readonly Place[];
  readonly file: string;
}

async function leakEverything(bench: AirflowBench): Promise<Leaked> {
  const [, worker] = await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
  const file = join(bench.folder('told'), 'told');
  const specs = {
    leaks: leak(file, 'succeed'),
    leaksAndFails: leak(file, 'fail'),
    echoes: echo(false),
    echoesDeferred: echo(true),
    echoFails: echo(true, 'fail'),
    environment: python('environment', { op_kwargs: { file: `${file}-environment` } }),
    databricks: submitRun({ name: 'night' }),
  };
  const places: Place[] = [];
  const run = async (name: string, spec: JsonObject) => {
    const id = await bench.begin({ spec });
    const outcome = await bench.tasks.wait(id);
    places.push(...(await placesOf(bench, name, id)), { where: `outcome of ${name}`, text: toText(outcome) });
    return [name, { id, outcome }] as const;
  };
  const tasks = new Map(await Promise.all(Object.entries(specs).map(([name, spec]) => run(name, spec))));
  places.push({ where: 'what the worker wrote', text: worker.lines.join('\n') });
  places.push(...readFolder(join(bench.scratch, 'home')));
  return { worker, tasks, places, file };
}

/** All that anyone can read of a task. */
async function placesOf(bench: AirflowBench, name: string, id: string): Promise<Place[]> {
  const handle = bench.handle(id);
  const description = await handle.describe();
  const logs = await bench.tasks.logs(id).catch(String);
  const fromStart = await bench.tasks.logs(id, { pageToken: 'start' }).catch(String);
  return [
    { where: `history of ${name}`, text: toText(await handle.fetchHistory()) },
    { where: `description of ${name}`, text: toText({ ...description.raw, memo: description.memo }) },
    { where: `status of ${name}`, text: toText(await bench.tasks.get(id)) },
    { where: `logs of ${name}`, text: toText([logs, fromStart]) },
  ];
}

describeBothMajors<Leaked>({
  options: () => ({
    secretsAllow: ['env:LONGHAUL_SECRET_*'],
    env: {
      LONGHAUL_SEALING_KEYS_FILE: keysFile,
      LONGHAUL_SECRET_ARGUMENT: SECRETS.argument,
      LONGHAUL_SECRET_PASSWORD: SECRETS.password,
      LONGHAUL_SECRET_VARIABLE: SECRETS.variable,
      LONGHAUL_SECRET_HEADER: SECRETS.header,
      TEMPORAL_API_KEY: '',
      OTHER_SECRET: SECRETS.inherited,
    },
  }),
  prepare: leakEverything,
  tests: (stage) => {
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);
    const outcomeOf = (name: string): TaskOutcome['status'] | undefined =>
      stage().prepared.tasks.get(name)?.outcome.status;

    rule('arguments, passwords and variables by reference reach the code', async () => {
      expect(outcomeOf('leaks')).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
      const told = notesOf(stage().prepared.file);
      const { argument, password, variable } = SECRETS;
      expect(told).toEqual(Array(2).fill(`${argument} ${password} ${variable}`));
      expect(outcomeOf('echoesDeferred')).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
      const sent = stage().bench.site.requests.map(({ headers }) => headers.authorization);
      expect(sent.filter((value) => value === SECRETS.header).length).toBeGreaterThanOrEqual(3);
    });

    rule('the failure says what happened without them', async () => {
      const { message } = outcomeOf('leaksAndFails') ?? {};
      expect(message).toMatch(/ValueError: no access with \*\*\*, \*\*\* and \*\*\*/);
    });

    rule('no part of any of them is in a history, memo, output, log, error or file', async () => {
      const { places } = stage().prepared;
      expect(places.length).toBeGreaterThan(30);
      expect(findSecrets({ ...SECRETS, token: stage().bench.token }, places)).toEqual([]);
    });

    rule('a child sees neither the worker’s secrets nor its way to Temporal', async () => {
      const seen = notesOf(`${stage().prepared.file}-environment`);
      expect(seen.filter((line) => /^(TEMPORAL_|LONGHAUL_)/.test(line))).toEqual([]);
      expect(findSecrets(SECRETS, [{ where: 'environment', text: seen.join('\n') }])).toEqual([]);
    });

    rule('without a sealing key a trigger that must keep a secret is refused in words', async () => {
      const { bench, prepared } = stage();
      prepared.worker.kill('SIGTERM');
      await prepared.worker.ended;
      await bench.spawnWorker({ LONGHAUL_SEALING_KEYS_FILE: '' });
      const { status } = await bench.run({ spec: echo(true) });
      expect(status).toMatchObject({ state: 'FAILED', code: 'SECRET_UNAVAILABLE' });
      expect(status.message).toMatch(/seal/);
    });

    rule('a secret that the operator does not allow is refused at the door and by the worker', async () => {
      const { bench } = stage();
      const spec = python('leak', {
        op_kwargs: { secret: { $secret: 'env:OTHER_SECRET' }, file: '/dev/null' },
      });
      await expect(bench.begin({ spec })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
      const { status } = await bench.tasks.wait(await bench.bypass({ spec }));
      expect(status).toMatchObject({ state: 'FAILED', code: 'PERMISSION_DENIED' });
      expect(status.message).toContain('env:OTHER_SECRET');
    });
  },
});
