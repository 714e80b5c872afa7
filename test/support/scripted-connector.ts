import {
  LonghaulError,
  type AsyncConnector,
  type CallContext,
  type Capabilities,
  type CreateRequest,
  type DeleteOutcome,
  type DeleteTarget,
  type JsonObject,
  type LogsPage,
  type LogsRequest,
  type MetadataType,
  type NextStep,
  type Observation,
  type Resource,
  type RepairRequest,
  type ResourceMeta,
  invalidTask,
  isJsonObject,
} from '../../src/connector';

/** One job of the scripted external system. */
export interface ScriptedJob {
  readonly id: string;
  readonly token: string;
  readonly custom: JsonObject;
  resource: Resource;
  next: NextStep;
  meta: JsonObject;
  gets: number;
  cancels: number;
  cancelIgnored: boolean;
}

const FAIL = { action: 'fail', reason: 'as scripted' } as const;

/** What a test may script. */
interface Script {
  beforeCreate: (request: CreateRequest, call: CallContext) => Promise<void>;
  onPrepare: (custom: JsonObject) => Promise<JsonObject>;
  afterCreate: (job: ScriptedJob, call: CallContext) => Promise<void>;
  beforeGet: (meta: ResourceMeta, call: CallContext) => Promise<void>;
  beforeDelete: (target: DeleteTarget, call: CallContext) => Promise<void>;
  beforeLogs: (call: CallContext) => Promise<void>;
  onCreate: (job: ScriptedJob) => void;
  onGet: (job: ScriptedJob) => void;
  onExecute: (job: ScriptedJob, call: CallContext) => Promise<void>;
  beforeRepair: () => Promise<void>;
  onRepair: (job: ScriptedJob, options: JsonObject) => void;
}

const NOTHING_SCRIPTED: Script = {
  beforeCreate: () => Promise.resolve(),
  onPrepare: () => Promise.resolve({}),
  afterCreate: () => Promise.resolve(),
  beforeGet: () => Promise.resolve(),
  beforeDelete: () => Promise.resolve(),
  beforeLogs: () => Promise.resolve(),
  onCreate: () => undefined,
  onGet: () => undefined,
  onExecute: () => Promise.resolve(),
  beforeRepair: () => Promise.resolve(),
  onRepair: () => undefined,
};

/**
 * An external system in memory that does what a test says; idempotent by token like a good one.
 * Hooks run before each call and may throw or wait: outages, lost replies, hangs.
 */
export class ScriptedConnector implements AsyncConnector, Script {
  readonly name: string;
  readonly taskCategory;
  readonly taskQueues;
  readonly capabilities: Capabilities;
  readonly jobs = new Map<string, ScriptedJob>();
  readonly tokens: string[] = [];
  beforeCreate = NOTHING_SCRIPTED.beforeCreate;
  onPrepare = NOTHING_SCRIPTED.onPrepare;
  afterCreate = NOTHING_SCRIPTED.afterCreate;
  beforeGet = NOTHING_SCRIPTED.beforeGet;
  beforeDelete = NOTHING_SCRIPTED.beforeDelete;
  beforeLogs = NOTHING_SCRIPTED.beforeLogs;
  onCreate = NOTHING_SCRIPTED.onCreate;
  onGet = NOTHING_SCRIPTED.onGet;
  onExecute = NOTHING_SCRIPTED.onExecute;
  beforeRepair = NOTHING_SCRIPTED.beforeRepair;
  onRepair = NOTHING_SCRIPTED.onRepair;

  readonly metadataType: MetadataType<ResourceMeta> = {
    parse: (value) => {
      if (!isJsonObject(value) || typeof value['jobId'] !== 'string') {
        throw invalidTask('meta.jobId', 'must be text', value);
      }
      if (value['version'] !== 1) throw invalidTask('meta.version', 'must be 1', value['version']);
      return value;
    },
    encode: (meta) => new TextEncoder().encode(JSON.stringify(meta)),
    decode: (bytes) => this.metadataType.parse(parseJson(new TextDecoder().decode(bytes))),
    externalId: jobIdOf,
  };

  constructor(type: string, queue: string, offers: Partial<Capabilities> = {}) {
    this.name = `Scripted ${type}`;
    this.taskCategory = { name: type, version: 0 };
    this.taskQueues = { polls: queue, control: `${queue}:control` };
    const all = { logs: true, metrics: true, repair: true, synchronous: false, fence: 'token' } as const;
    this.capabilities = { ...all, ...offers };
  }

  /** As new: without jobs, and with nothing scripted. */
  reset(): void {
    this.jobs.clear();
    this.tokens.length = 0;
    Object.assign(this, NOTHING_SCRIPTED);
  }

  parseTask(template: { readonly custom: JsonObject }): void {
    if (template.custom['invalid'] === true) throw invalidTask('spec.invalid', 'must not be true', true);
  }

  /** A template with `name` stands for one that names what must be looked up. */
  needsPreparation({ custom }: { readonly custom: JsonObject }): boolean {
    return 'name' in custom;
  }

  async prepare({ template }: CreateRequest): Promise<JsonObject> {
    return this.onPrepare(template.custom);
  }

  async create(request: CreateRequest, call: CallContext): Promise<Observation> {
    call.signal.throwIfAborted();
    await this.beforeCreate(request, call);
    call.announceSubmit();
    const job = this.#submit(request);
    await this.afterCreate(job, call);
    return observationOf(job);
  }

  async get(meta: ResourceMeta, call: CallContext): Promise<Observation> {
    call.signal.throwIfAborted();
    await this.beforeGet(meta, call);
    const job = this.job(jobIdOf(meta));
    job.gets += 1;
    this.onGet(job);
    return observationOf(job);
  }

  async execute(meta: ResourceMeta, call: CallContext): Promise<Observation> {
    const job = this.job(jobIdOf(meta));
    await this.onExecute(job, call);
    return observationOf(job);
  }

  async repair({ meta, options }: RepairRequest, call: CallContext): Promise<Observation> {
    await this.beforeRepair();
    const job = this.job(jobIdOf(meta));
    call.announceSubmit();
    this.onRepair(job, options);
    return observationOf(job);
  }

  async delete(target: DeleteTarget, call: CallContext): Promise<DeleteOutcome> {
    call.signal.throwIfAborted();
    await this.beforeDelete(target, call);
    if (target.kind === 'meta' && !this.jobs.has(jobIdOf(target.meta))) return goneOutcome(target.meta);
    const job = target.kind === 'meta' ? this.job(jobIdOf(target.meta)) : this.#fence(target.request, call);
    if (job === undefined) return { kind: 'nothing', message: 'no job was ever started' };
    job.cancels += 1;
    if (job.next.kind !== 'done' && !job.cancelIgnored) cancelJob(job);
    const kind = job.next.kind === 'done' ? 'stopped' : 'stopping';
    return { kind, meta: job.meta, resource: job.resource };
  }

  async getLogs(_meta: ResourceMeta, _request: LogsRequest, call: CallContext): Promise<LogsPage> {
    await this.beforeLogs(call);
    return { lines: ['one', 'two'], truncated: false };
  }

  job(id: string): ScriptedJob {
    const job = this.jobs.get(id);
    if (job === undefined) throw new LonghaulError('RUN_GONE', `job ${id} no longer exists`);
    return job;
  }

  /** The only job, or the n-th. */
  nth(index = 0): ScriptedJob {
    const job = [...this.jobs.values()][index];
    if (job === undefined) throw new LonghaulError('NOT_FOUND', `there is no job ${index}`);
    return job;
  }

  #fence(request: CreateRequest, call: CallContext): ScriptedJob | undefined {
    if (this.capabilities.fence === 'none') {
      throw new LonghaulError('OUTCOME_UNKNOWN', 'nobody can tell whether it ran');
    }
    call.announceSubmit();
    return this.#submit(request);
  }

  /** A running job that somebody else started: nothing was posted for it here. */
  addForeign(id: string): ScriptedJob {
    const job = this.#add(id, { token: '', custom: {} });
    runJob(job);
    return job;
  }

  #submit({ idempotencyToken: token, template }: CreateRequest): ScriptedJob {
    this.tokens.push(token);
    const known = [...this.jobs.values()].find((job) => job.token === token);
    if (known !== undefined && this.capabilities.fence === 'token') return known;
    const job = this.#add(`job-${this.jobs.size + 1}`, { token, custom: template.custom });
    this.onCreate(job);
    return job;
  }

  #add(id: string, given: Pick<ScriptedJob, 'token' | 'custom'>): ScriptedJob {
    const job: ScriptedJob = {
      id,
      ...given,
      resource: { phase: 'QUEUED', message: 'submitted' },
      next: { kind: 'poll' },
      meta: { version: 1, jobId: id },
      gets: 0,
      cancels: 0,
      cancelIgnored: false,
    };
    this.jobs.set(id, job);
    return job;
  }
}

export function runJob(job: ScriptedJob, message = 'running'): void {
  job.resource = {
    phase: 'RUNNING',
    message,
    logLinks: [{ name: 'Console', uri: `https://example.invalid/${job.id}` }],
  };
}

export function succeedJob(job: ScriptedJob): void {
  job.resource = { phase: 'SUCCEEDED', message: 'done', outputs: { rows: 3 } };
  job.next = { kind: 'done', verdict: { kind: 'succeeded' } };
}

type FailedVerdict = Extract<Extract<NextStep, { kind: 'done' }>['verdict'], { kind: 'failed' }>;

export function failJob(job: ScriptedJob, message: string, verdict: Partial<FailedVerdict> = {}): void {
  job.resource = { phase: 'FAILED', message };
  job.next = {
    kind: 'done',
    verdict: { kind: 'failed', code: 'JOB_FAILED', cause: 'user', decision: FAIL, ...verdict },
  };
}

function cancelJob(job: ScriptedJob): void {
  failJob(job, 'canceled', { code: 'JOB_CANCELED_EXTERNALLY' });
}

function jobIdOf(meta: ResourceMeta): string {
  const { jobId } = meta;
  return typeof jobId === 'string' ? jobId : '';
}

function goneOutcome(meta: ResourceMeta): DeleteOutcome {
  return { kind: 'stopped', meta, resource: { phase: 'ABORTED', message: 'it no longer exists' } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidTask('meta', 'must be JSON');
  }
}

function observationOf(job: ScriptedJob): Observation {
  return { meta: job.meta, resource: job.resource, next: job.next };
}
