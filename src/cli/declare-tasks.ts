import { Option, type Command } from 'commander';

import type { CommonOptions } from './command';
import type { AdoptOptions } from './commands/adopt';
import type { ExplainOptions } from './commands/explain';
import type { ReconcileOptions } from './commands/reconcile';
import type { RepairCommandOptions } from './commands/repair';
import type { LogsOptions, OutputsOptions, ReportOptions } from './commands/results';
import type { StartOptions } from './commands/run';
import type { CancelOptions, ListOptions } from './commands/tasks';
import { collect, declare, parseCount, parseNumber, parsePhase, parseSpan } from './declare';

/** What a command needs is loaded when it runs: Temporal's client costs most of a second. */
const load = {
  adopt: () => import('./commands/adopt.js'),
  explain: () => import('./commands/explain.js'),
  reconcile: () => import('./commands/reconcile.js'),
  repair: () => import('./commands/repair.js'),
  results: () => import('./commands/results.js'),
  run: () => import('./commands/run.js'),
  tasks: () => import('./commands/tasks.js'),
} as const;

const FILE_HELP = 'task file, Databricks submit or run-now body, or Flyte task template (YAML or JSON)';

/** The commands around tasks, in the order of their help. */
export function declareTaskCommands(program: Command): void {
  declareStarts(program);
  declareAdopt(program);
  declareSteps(program);
  declareReconcile(program);
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
      .addOption(
        new Option('--force', 'with --again: also beside a job of it that may still run')
          .implies({ again: true })
          .conflicts('attach'),
      )
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

function declareSteps(program: Command): void {
  declare(program, 'get <id>', 'show a task')
    .alias('status')
    .addHelpText('after', '\nExamples:\n  longhaul get ID\n  longhaul get ID -o json')
    .action(async (id: string, options: CommonOptions) => (await load.tasks()).get(id, options));
  declare(program, 'wait <id>', 'follow a task to its end')
    .addHelpText('after', '\nExample:\n  longhaul wait ID')
    .action(async (id: string, options: CommonOptions) => (await load.run()).wait(id, options));
  declare(program, 'cancel <id>', 'stop a task; it closes when its job is seen stopped')
    .option('--reason <text>', 'why, for the record')
    .addHelpText('after', "\nExample:\n  longhaul cancel ID --reason 'started by mistake'")
    .action(async (id: string, options: CancelOptions) => (await load.tasks()).cancel(id, options));
  declareResults(program);
  declare(program, 'metrics <id>', 'show where the time of a job went')
    .addHelpText('after', '\nExample:\n  longhaul metrics ID')
    .action(async (id: string, options: CommonOptions) => (await load.tasks()).metrics(id, options));
  declareList(program);
  declareFailures(program);
  declare(program, 'nudge <id>', 'make a task look at its job now')
    .addHelpText('after', '\nExample:\n  longhaul nudge ID')
    .action(async (id: string, options: CommonOptions) => (await load.tasks()).nudge(id, options));
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
  declare(program, 'list', 'list tasks: open ones and those that ended last, sorted by start, newest first')
    .option('--open', 'only what still runs')
    .option('--phase <phase>', 'such as RUNNING or FAILED', parsePhase)
    .option('--type <type>', 'task type')
    .option('--project <project>', 'project')
    .option('--job <id>', 'id of the external job')
    .option('--limit <count>', 'at most this many (default: 50)', parseCount)
    .addHelpText('after', '\nExample:\n  longhaul list --open --type databricks')
    .action(async (options: ListOptions) => (await load.tasks()).list(options));
}
