import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { LonghaulError } from '../connector/errors';
import type { AdminPort } from './admin';
import { createArrivals } from './arrivals';
import { createAuth, type Auth } from './auth';
import { createClock } from './clock';
import { KEPT_SUBMIT_BODIES } from './counters';
import { advance } from './engine';
import type { EngineOptions } from './engine-options';
import { createFaultBook } from './faults';
import { createFederation } from './federation';
import { listen } from './listener';
import { DEFAULT_TOKEN, limitsOf, timingOf, type SimulatorOptions } from './options';
import { createPythonRunner } from './python-runner';
import { createRateLimit } from './rate-limit';
import { handleRequest, type RouterOptions } from './router';
import { forgetRun } from './run-changes';
import { createSecretStore, type SecretStore } from './secret-store';
import { createStateFile, readStateFile } from './state-file';
import { NO_TOKEN_TROUBLE } from './token-trouble';
import { createWebhooks, type Webhooks } from './webhooks';
import { createWorkspace, type Workspace } from './workspace';

const TICK_MS = 25;

/** A running simulated workspace, for tests in the same process. The same is offered over HTTP: see `admin.ts`. */
export interface Simulator extends Omit<AdminPort, 'health'> {
  readonly url: string;
  readonly port: number;
  /** Really closes the listening socket and destroys all connections, or opens it again on the same port. */
  readonly setRefusing: (refusing: boolean) => Promise<void>;
  /**
   * Stops serving. Programs of an in-memory simulator are killed; those of one with a state file go on, and the next
   * simulator started with that file takes them up again. Safe to repeat.
   */
  readonly close: () => Promise<void>;
}

/** @throws CONFIG for a state file that is not ours, and for a port that is taken */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const core = createCore(options);
  const { engine, faults, auth, save, admin } = core;
  let setOpen: (open: boolean) => Promise<void> = () => Promise.resolve();
  const refuseFor = (ms: number): void => {
    setImmediate(() => void setOpen(false)); // lets the answer to whoever asked for it out
    setTimeout(() => void setOpen(!core.closed), ms).unref();
  };
  const router: RouterOptions = {
    engine,
    auth,
    faults,
    save,
    refuseFor,
    admin: { ...admin, refuseFor },
    arrivals: core.arrivals,
    newestApi: options.newestApi ?? '2.2',
    rateLimit: createRateLimit(options),
    rememberSubmit: core.rememberSubmit,
  };
  const host = options.host ?? '127.0.0.1';
  const listener = await listen(host, options.port ?? 0, (message, response) => {
    void handleRequest(message, response, router);
  }).catch(async (cause: unknown) => {
    await core.close();
    throw new LonghaulError(
      'CONFIG',
      `The simulated workspace cannot listen on ${host}:${options.port ?? 0}.`,
      {
        cause,
        advice: 'Another program uses this port: choose another with --port.',
      },
    );
  });
  ({ setOpen } = listener);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  options.logger?.info({ url }, 'simulated workspace is up');
  const { health: _, ...controls } = admin;
  return {
    ...controls,
    refuseFor,
    url,
    port: listener.port,
    setRefusing: (refusing) => listener.setOpen(!refusing),
    close: async () => {
      await listener.setOpen(false);
      await core.close();
    },
  };
}

/** Everything but the listening socket. */
function createCore(options: SimulatorOptions) {
  const saved = options.stateFile === undefined ? undefined : readStateFile(options.stateFile);
  const clock = createClock(options.speed ?? 1, saved?.clock);
  const workspace = createWorkspace(saved, options.firstId);
  const folder = programFolder(options.stateFile);
  const stateFile = createStateFile(options.stateFile, () => workspace.toBytes(clock.state()));
  const save = () => stateFile.save();
  const engine: EngineOptions = {
    workspace,
    clock,
    python: createPythonRunner(folder, options.python ?? 'python3'),
    timing: timingOf(options),
    failureShape: options.jobFailureShape ?? 'internal_error',
    limits: limitsOf(options),
  };
  const faults = createFaultBook(options.faults ?? []);
  const auth = authOf(options, workspace, clock);
  const secrets = createSecretStore(folder, options.secrets ?? []);
  const submitBodies: string[] = [];
  const arrivals = createArrivals();
  const webhooks = createWebhooks({
    destinations: options.webhooks ?? [],
    runs: () => workspace.runs.values(),
    now: clock.now,
    ...(options.webhookRetryMs === undefined ? {} : { retryMs: options.webhookRetryMs }),
  });
  const timer = setInterval(() => {
    if (advance(engine)) save().catch(() => undefined); // the next save meets, and tells, the same trouble
    webhooks.look();
  }, TICK_MS);
  const core = {
    engine,
    arrivals,
    faults,
    auth,
    save,
    closed: false,
    rememberSubmit: (body: string) => {
      submitBodies.push(body);
      if (submitBodies.length > KEPT_SUBMIT_BODIES) submitBodies.shift();
    },
    admin: createControls({ engine, faults, auth, secrets, webhooks, submitBodies, arrivals, save }),
    close: async () => {
      if (core.closed) return;
      core.closed = true;
      clearInterval(timer);
      webhooks.close();
      await save();
      if (options.stateFile === undefined) discard(engine, folder);
    },
  };
  return core;
}

function authOf(options: SimulatorOptions, workspace: Workspace, clock: EngineOptions['clock']): Auth {
  const { clients = [], tokens: given = [] } = options;
  const tokens = given.length === 0 && clients.length === 0 ? [DEFAULT_TOKEN] : given;
  return createAuth({
    ...{ tokens, clients, workspace, clock },
    federation: createFederation(options.federation ?? []),
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
    tokenTrouble: { ...NO_TOKEN_TROUBLE, ...options.tokenTrouble },
  });
}

interface ControlParts extends Pick<RouterOptions, 'engine' | 'faults' | 'auth' | 'arrivals' | 'save'> {
  readonly secrets: SecretStore;
  readonly webhooks: Webhooks;
  readonly submitBodies: string[];
}

function createControls(parts: ControlParts): Omit<AdminPort, 'refuseFor'> {
  const { engine, faults, auth, secrets, webhooks, submitBodies, arrivals, save } = parts;
  const { workspace, clock } = engine;
  const setOutcomes = (outcomes: Workspace['outcomes']): void => {
    workspace.outcomes = outcomes;
    workspace.book.touchAll();
    save().catch(() => undefined);
  };
  return {
    counters: () => {
      const lastSubmitBody = submitBodies.at(-1);
      const report = {
        ...structuredClone(workspace.counters),
        activeRuns: countActive(engine),
        busiestTenSeconds: arrivals.busiest(),
        submitBodies: [...submitBodies],
      };
      return lastSubmitBody === undefined ? report : { ...report, lastSubmitBody };
    },
    addFault: faults.add,
    clearFaults: faults.clear,
    setOutcome: (rule) => {
      setOutcomes([...workspace.outcomes, rule]);
    },
    clearOutcomes: () => {
      setOutcomes([]);
    },
    allowToken: auth.allowToken,
    revokeToken: auth.revokeToken,
    setTokenTrouble: auth.setTokenTrouble,
    allowSubject: auth.allowSubject,
    setSecret: secrets.set,
    addWebhook: webhooks.add,
    clearWebhooks: webhooks.clear,
    webhookDeliveries: webhooks.deliveries,
    deleteRun: (runId) => {
      const run = workspace.runs.get(runId);
      if (run !== undefined) forgetRun(run, engine);
      save().catch(() => undefined);
      return run !== undefined;
    },
    advanceClock: clock.advance,
    health: () => ({
      status: 'ok',
      now: clock.now(),
      speed: clock.state().speed,
      activeRuns: countActive(engine),
    }),
  };
}

function countActive(engine: EngineOptions): number {
  advance(engine);
  const { book } = engine.workspace;
  return book.startedCount() + book.queued.size;
}

function programFolder(stateFile: string | undefined): string {
  if (stateFile !== undefined) return `${path.resolve(stateFile)}.d`;
  return fs.mkdtempSync(path.join(os.tmpdir(), 'longhaul-simulator-'));
}

function discard(engine: EngineOptions, folder: string): void {
  for (const run of [...engine.workspace.runs.values()]) forgetRun(run, engine);
  fs.rmSync(folder, { recursive: true, force: true });
}
