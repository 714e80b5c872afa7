#!/usr/bin/env node
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import { readPackageVersion } from '../config/package-version';
import { LonghaulError } from '../connector/errors';
import { TASK_PHASES } from '../connector/phase';
import { parseDuration } from '../connector/task-policy';
import { endOnLostOutput, type CommonOptions } from './command';
import type { AdoptOptions } from './commands/adopt';
import type { ReconcileOptions } from './commands/reconcile';
import type { StartOptions } from './commands/run';
import type { ExplainOptions } from './commands/explain';
import type { RepairCommandOptions } from './commands/repair';
import type { LogsOptions, OutputsOptions, ReportOptions } from './commands/results';
import type { CancelOptions, ListOptions } from './commands/tasks';
import type { DevOptions, WorkerOptions } from './commands/processes';
import type { ServeOptions } from './commands/serve';
import type { SimulateOptions } from './commands/simulate';
import { completion, COMPLETION_SHELLS, type CompletionShell } from './commands/completion';

/** What a command needs is loaded when it runs: Temporal's client and worker cost most of a second. */
const load = {
  adopt: () => import('./commands/adopt.js'),
  reconcile: () => import('./commands/reconcile.js'),
  run: () => import('./commands/run.js'),
  tasks: () => import('./commands/tasks.js'),
  results: () => import('./commands/results.js'),
  repair: () => import('./commands/repair.js'),
  explain: () => import('./commands/explain.js'),
  processes: () => import('./commands/processes.js'),
  serve: () => import('./commands/serve.js'),
  simulate: () => import('./commands/simulate.js'),
  setup: () => import('./commands/setup.js'),
  doctor: () => import('./commands/doctor.js'),
  version: () => import('./commands/version.js'),
} as const;

const FILE_HELP = 'task file, Databricks submit or run-now body, or Flyte task template (YAML or JSON)';

function createProgram(): Command {
  const program = new Command('longhaul')
    .description(
      'Runs other systems’ long jobs: never started twice, never lost, really stopped when canceled.',
    )
    .version(readPackageVersion(), '-V, --version')
    .addHelpText('after', '\nExample:\n  longhaul run examples/word-count/task.yaml')
    .showHelpAfterError('(longhaul COMMAND --help shows what it takes)')
    .exitOverride()
    .helpCommand(false);
  declareStarts(program);
  declareAdopt(program);
  declareSteps(program);
  declareReconcile(program);
  declareProcesses(program);
  declareSetup(program);
  return program;
}

/** Every command takes the output format. */
function declare(program: Command, nameAndArguments: string, description: string): Command {
  const format = new Option('-o, --output <format>', 'for people or for machines').choices(['human', 'json']);
  return program.command(nameAndArguments).description(description).addOption(format.default('human'));
}

function declareStarts(program: Command): void {
  for (const [name, words, example] of [
    [
      'run',
      'start a task and follow it to its end; exit 0 only when it SUCCEEDED',
      'run FILE --workspace simulated',
    ],
    ['submit', 'start a task and leave it', 'submit FILE --id nightly-2026-11-21'],
  ] as const) {
    declare(program, name, words)
      .argument('<file>', FILE_HELP)
      .option('--id <id>', 'your own key: the same id never starts a second task')
      .option('--workspace <name>', 'workspace to run in, such as simulated')
      .option('--project <name>', 'project whose task it is, in place of the file’s')
      .addOption(new Option('--attach', 'when a task of this id has ended: show how').conflicts('again'))
      .option('--again', 'when a task of this id has ended: start it anew')
      .addHelpText('after', `\nExample:\n  longhaul ${example}`)
      .action(async (file: string, options: StartOptions) => (await load.run())[name](file, options));
  }
}

function declareAdopt(program: Command): void {
  declare(program, 'adopt <run>', 'follow a Databricks run that somebody else started, to its end')
    .option('--workspace <name>', 'workspace the run is in; default: the workers’ default one')
    .option('--project <name>', 'project whose task it is, where workspaces are open to some projects only')
    .option('--id <id>', 'id of the task (default: adopted-WORKSPACE-RUN, so that a second adopt joins it)')
    .option('--name <text>', 'name of the task, for people')
    .option('--no-wait', 'leave the task once it follows the run')
    .addOption(new Option('--attach', 'when a task of this id has ended: show how').conflicts('again'))
    .option('--again', 'when a task of this id has ended: follow the run anew')
    .addHelpText(
      'after',
      '\nCanceling the task stops the run. The task starts no run itself: a run that fails ends it.' +
        '\n\nExample:\n  longhaul adopt 9007199254740993 --workspace simulated',
    )
    .action(async (run: string, options: AdoptOptions) => (await load.adopt()).adopt(run, options));
}

function declareReconcile(program: Command): void {
  const actions = ['report', 'cancel', 'adopt'] as const satisfies readonly ReconcileOptions['action'][];
  declare(program, 'reconcile', 'find runs that no open task follows any more; stop or follow them')
    .option('--since <duration>', 'closed tasks up to this long ago (default: 30d)', parseSpan)
    .addOption(new Option('--action <action>', 'what to do with them').choices(actions).default('report'))
    .option('--workspace <name>', 'only this workspace')
    .option('--foreign', 'let the action touch marked runs of other namespaces and clusters too')
    .addOption(
      new Option('--schedule <every>', 'let Temporal do it again and again, such as every 1h')
        .argParser(parseSpan)
        .conflicts('unschedule'),
    )
    .option('--unschedule', 'end the schedule')
    .addHelpText(
      'after',
      '\nExamples:\n  longhaul reconcile\n  longhaul reconcile --action cancel\n  longhaul reconcile --schedule 1h',
    )
    .action(async (options: ReconcileOptions) => (await load.reconcile()).reconcile(options));
}

/** At least a minute: what is younger may not be seen yet. */
function parseSpan(text: string): number {
  try {
    const ms = parseDuration('duration', text);
    if (ms >= 60_000) return ms;
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
  }
  throw new InvalidArgumentError('It must be a duration of at least a minute, such as 30m, 12h or 2d.');
}

function declareSteps(program: Command): void {
  declare(program, 'get <id>', 'show a task')
    .alias('status')
    .action(async (id: string, options: CommonOptions) => (await load.tasks()).get(id, options));
  declare(program, 'wait <id>', 'follow a task to its end').action(
    async (id: string, options: CommonOptions) => (await load.run()).wait(id, options),
  );
  declare(program, 'cancel <id>', 'stop a task; it closes when its job is seen stopped')
    .option('--reason <text>', 'why, for the record')
    .action(async (id: string, options: CancelOptions) => (await load.tasks()).cancel(id, options));
  declareResults(program);
  declare(program, 'metrics <id>', 'show where the time of a job went').action(
    async (id: string, options: CommonOptions) => (await load.tasks()).metrics(id, options),
  );
  declareList(program);
  declareFailures(program);
  declare(program, 'nudge <id>', 'make a task look at its job now').action(
    async (id: string, options: CommonOptions) => (await load.tasks()).nudge(id, options),
  );
}

const LOG_SOURCES = ['output', 'cluster', 'events'] as const;

function declareResults(program: Command): void {
  declare(program, 'outputs <id>', 'show what the tasks of a job gave')
    .option('--task <key>', 'of this task only: read afresh, whole, with links that open')
    .addHelpText('after', '\nExamples:\n  longhaul outputs ID\n  longhaul outputs ID --task report -o json')
    .action(async (id: string, options: OutputsOptions) => (await load.results()).outputs(id, options));
  declare(program, 'logs <id>', 'show the output of a task’s job: its tail, page by page, or as it grows')
    .addOption(
      new Option('--source <source>', 'what was printed, what clusters delivered, what the task did').choices(
        LOG_SOURCES,
      ),
    )
    .option('--task <key>', 'of this task of the job only')
    .option('--attempt <number>', 'of this attempt of it only, as in metrics', parseNumber)
    .option('--follow', 'print on until the task has ended')
    .option('--page <token>', '`start`, or what the page before named')
    .option('--limit <lines>', 'lines in a page', parseCount)
    .addHelpText(
      'after',
      '\nExamples:\n  longhaul logs ID --follow\n  longhaul logs ID --task load --page start --limit 100\n' +
        '  longhaul logs ID --source cluster\n  longhaul logs ID --source events',
    )
    .action(async (id: string, options: LogsOptions) => (await load.results()).logs(id, options));
  declare(program, 'report <id>', 'show what became of a task: causes, timeline, receipt')
    .option('--html <file>', 'write it as one page that needs nothing else')
    .addHelpText('after', '\nExamples:\n  longhaul report ID\n  longhaul report ID --html report.html')
    .action(async (id: string, options: ReportOptions) => (await load.results()).report(id, options));
}

function declareFailures(program: Command): void {
  declare(program, 'repair <id>', 'run the failed parts of a task’s job again, in place')
    .option('--task <key>', 'this task of the run instead of all that failed (repeatable)', collect, [])
    .option('--param <name=value>', 'a job parameter for the repair (repeatable)', collect, [])
    .option('--no-dependents', 'leave alone what depends on the repaired tasks')
    .addHelpText('after', '\nExamples:\n  longhaul repair ID\n  longhaul repair ID --task load --param day=1')
    .action(async (id: string, options: RepairCommandOptions) => (await load.repair()).repair(id, options));
  declare(program, 'explain [subject]', 'show what becomes of a failure, and why')
    .addHelpText(
      'before',
      'SUBJECT is a code, result or type, a file with an answer of runs/get, or the id of a task.\n',
    )
    .option('--policy <file>', 'a task file, whose policy decides')
    .addHelpText(
      'after',
      '\nExamples:\n  longhaul explain CLOUD_FAILURE\n  longhaul explain run.json --policy task.yaml',
    )
    .action(async (subject: string | undefined, options: ExplainOptions) =>
      (await load.explain()).explain(subject, options),
    );
}

function declareList(program: Command): void {
  declare(program, 'list', 'list tasks, newest first')
    .option('--open', 'only what still runs')
    .option('--phase <phase>', 'such as RUNNING or FAILED', parsePhase)
    .option('--type <type>', 'task type')
    .option('--project <project>', 'project')
    .option('--job <id>', 'id of the external job')
    .option('--limit <count>', 'at most this many (default: 50)', parseCount)
    .addHelpText('after', '\nExample:\n  longhaul list --open --type databricks')
    .action(async (options: ListOptions) => (await load.tasks()).list(options));
}

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It must be a number, not below 0.');
}

function parseSkew(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function parsePhase(text: string): string {
  const phase = TASK_PHASES.find((candidate) => candidate === text.toUpperCase());
  if (phase !== undefined) return phase;
  throw new InvalidArgumentError(`It must be one of ${TASK_PHASES.join(', ')}.`);
}

function declareProcesses(program: Command): void {
  declareWorker(program);
  declareServe(program);
  declareSimulate(program);
  declareDev(program);
  program.command('engine', { hidden: true }).action(async () => (await load.processes()).engine());
}

const AIRFLOW_MAJORS = ['2', '3'] as const;

function declareWorker(program: Command): void {
  declare(program, 'worker', 'run a worker against the configured Temporal')
    .addOption(
      new Option('--airflow <major>', 'serve operators of this major of Airflow, and nothing else')
        .choices(AIRFLOW_MAJORS)
        .conflicts('metricsPort'),
    )
    .option('--allow-shell-operators', 'with --airflow: also operators that run whatever a task says')
    .option('--metrics-port <port>', 'serve metrics for Prometheus here', parseNumber)
    .option('--metrics-host <address>', 'address for the metrics', '127.0.0.1')
    .addHelpText('after', '\nExamples:\n  longhaul worker\n  longhaul worker --airflow 3')
    .action(async (options: WorkerOptions) => (await load.processes()).worker(options));
}

function declareDev(program: Command): void {
  declare(
    program,
    'dev',
    'run the engine in the foreground: Temporal with its UI, a worker, the simulated workspace',
  )
    .addOption(new Option('--status', 'show the engine that runs').conflicts('stop'))
    .option('--stop', 'stop it; open tasks go on at the next start')
    .addOption(
      new Option('--airflow [major]', 'with an Airflow worker; its Python environment is made once')
        .choices(AIRFLOW_MAJORS)
        .conflicts(['status', 'stop']),
    )
    .addHelpText('after', '\nExamples:\n  longhaul dev\n  longhaul dev --airflow')
    .action(async (options: DevOptions) => (await load.processes()).dev(options));
}

function declareServe(program: Command): void {
  declare(program, 'serve', 'serve the gRPC connector APIs that Flyte’s engine calls, versions 1 and 2')
    .option('--port <port>', 'port; 0 takes a free one', parseNumber, 8000)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--cluster <name>', 'part of every task’s id: tells Flyte clusters apart', 'default')
    .option('--tls-cert <file>', 'certificate (PEM) of the service')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--client-ca <file>', 'take calls only from clients with a certificate of this CA (PEM)')
    .option('--auth-token-file <file>', 'take calls only with one of these bearer tokens, one a line')
    .option('--metrics-port <port>', 'serve metrics for Prometheus here', parseNumber)
    .option('--metrics-host <address>', 'address for the metrics', '127.0.0.1')
    .option('--drain-seconds <seconds>', 'after SIGTERM, serve on this long as NOT_SERVING', parseNumber, 3)
    .addHelpText('after', '\nExample:\n  longhaul serve --host 0.0.0.0 --metrics-port 9090')
    .action(async (options: ServeOptions) => (await load.serve()).serve(options));
}

function declareSimulate(program: Command): void {
  declare(program, 'simulate', 'run the simulated Databricks workspace')
    .option('--port <port>', 'port; 0 takes a free one', parseNumber, 8765)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--token <token>', 'a personal access token it accepts (repeatable)', collect, [])
    .option('--client <id:secret>', 'an OAuth client it accepts (repeatable)', collect, [])
    .option('--state <file>', 'keep runs here over restarts')
    .option('--speed <factor>', 'how much faster its clock runs', parseNumber, 1)
    .addOption(new Option('--api <version>', 'the newest Jobs API it knows').choices(['2.0', '2.1', '2.2']))
    .option('--token-lifetime <seconds>', 'how long an OAuth token lives', parseNumber, 3600)
    .option(
      '--token-skew <seconds>',
      'reject OAuth tokens so much too early; negative: too late',
      parseSkew,
      0,
    )
    .addOption(
      new Option('--expired-as <status>', 'answer to an expired OAuth token')
        .choices(['401', '403'])
        .default('401'),
    )
    .option(
      '--federation <issuer,audience[,keyfile]>',
      'an identity provider whose tokens it exchanges (repeatable)',
      collect,
      [],
    )
    .option('--rate <requests>', 'requests per second before 429: 20, or submit=5,get=10')
    .addOption(
      new Option('--rate-retry-after <form>', 'how a 429 says when to come back')
        .choices(['seconds', 'date', 'none'])
        .default('seconds'),
    )
    .addOption(
      new Option('--rate-code <code>', 'error code of a 429')
        .choices(['REQUEST_LIMIT_EXCEEDED', 'RESOURCE_EXHAUSTED'])
        .default('REQUEST_LIMIT_EXCEEDED'),
    )
    .option('--secret <scope/key=value>', 'a secret for notebooks (repeatable)', collect, [])
    .option('--webhook <id=url>', 'where webhook notifications of this id go (repeatable)', collect, [])
    .option('--max-active-runs <runs>', 'active runs before others are queued', parseNumber)
    .option('--max-saved-jobs <jobs>', 'saved jobs before QUOTA_EXCEEDED', parseNumber)
    .option('--jobs-per-hour <jobs>', 'jobs and submits in any hour before INVALID_STATE', parseNumber)
    .option('--first-id <id>', 'the first id it gives')
    .option(
      '--fault <spec>',
      'a fault on demand, such as submit:commit-then-503:times=1 (repeatable)',
      collect,
      [],
    )
    .addHelpText('after', '\nExample:\n  longhaul simulate --fault get:429:retryAfter=2:times=3')
    .action(async (options: SimulateOptions) => (await load.simulate()).simulate(options));
}

function declareSetup(program: Command): void {
  declare(program, 'init', 'prepare the namespace: search attributes and 30 days of retention').action(
    async (options: CommonOptions) => (await load.setup()).init(options),
  );
  declare(program, 'doctor', 'check everything Longhaul needs, and name the mend').action(
    async (options: CommonOptions) => (await load.doctor()).doctor(options),
  );
  declare(program, 'connectors', 'list what is registered').action(async (options: CommonOptions) =>
    (await load.setup()).connectors(options),
  );
  declare(program, 'version', 'print the version').action(async (options: CommonOptions) =>
    (await load.version()).version(options),
  );
  declare(program, 'completion', 'print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(COMPLETION_SHELLS))
    .addHelpText('after', '\nExample:\n  source <(longhaul completion bash)')
    .action((shell: CompletionShell, options: CommonOptions) => completion(shell, program, options));
}

const EXIT_USAGE = 2;

/** Commander has told the person already; a machine that asked for JSON gets its one document. */
function endWithUsage(error: unknown): void {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error.exitCode === 0 || !/ (-o|--output)[ =]?json\b/.test(process.argv.join(' '))) return;
  const message = error.message.replace(/^error: /, '');
  process.stdout.write(`${JSON.stringify({ error: { code: 'USAGE', message } }, null, 2)}\n`);
}

endOnLostOutput();
createProgram().parseAsync().catch(endWithUsage);
