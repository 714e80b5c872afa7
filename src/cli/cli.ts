#!/usr/bin/env node
import { Command, Option } from 'commander';

import { readPackageVersion } from '../config/package-version';
import { runCommand, type CommonOptions } from './command';
import { completion } from './commands/completion';
import { doctor } from './commands/doctor';
import { dev, engine, worker } from './commands/processes';
import { run, submit, wait } from './commands/run';
import { connectors, init, version } from './commands/setup';
import { simulate } from './commands/simulate';
import { cancel, get, list, logs, metrics, nudge } from './commands/tasks';

const FILE_HELP = 'task file, Databricks submit or run-now body, or Flyte task template (YAML or JSON)';

function createProgram(): Command {
  const program = new Command('longhaul')
    .description(
      'Runs other systems’ long jobs: never started twice, never lost, really stopped when canceled.',
    )
    .version(readPackageVersion(), '-V, --version')
    .showHelpAfterError()
    .helpCommand(false);
  declareStarts(program);
  declareSteps(program);
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
  for (const [name, words, act] of [
    ['run', 'start a task and follow it to its end; exit 0 only when it SUCCEEDED', run],
    ['submit', 'start a task and leave it', submit],
  ] as const) {
    declare(program, name, words)
      .argument('<file>', FILE_HELP)
      .option('--id <id>', 'your own key: the same id never starts a second task')
      .option('--workspace <name>', 'workspace to run in, such as simulated')
      .option('--attach', 'when a task of this id has ended: show how')
      .option('--again', 'when a task of this id has ended: start it anew')
      .addHelpText('after', '\nExample:\n  longhaul run examples/word-count/task.yaml')
      .action(act);
  }
}

function declareSteps(program: Command): void {
  declare(program, 'get <id>', 'show a task').alias('status').action(get);
  declare(program, 'wait <id>', 'follow a task to its end').action(wait);
  declare(program, 'cancel <id>', 'stop a task; it closes when its job is seen stopped')
    .option('--reason <text>', 'why, for the record')
    .action(cancel);
  declare(program, 'logs <id>', 'show the output of a task’s job: its tail, or page by page')
    .option('--page <token>', '`start`, or what the page before named')
    .option('--limit <lines>', 'lines in this page')
    .addHelpText('after', '\nExamples:\n  longhaul logs ID\n  longhaul logs ID --page start --limit 100')
    .action(logs);
  declare(program, 'metrics <id>', 'show where the time of a job went').action(metrics);
  declare(program, 'list', 'list tasks, newest first')
    .option('--open', 'only what still runs')
    .option('--phase <phase>', 'such as RUNNING or FAILED')
    .option('--type <type>', 'task type')
    .option('--project <project>', 'project')
    .option('--job <id>', 'id of the external job')
    .option('--limit <count>', 'at most this many')
    .action(list);
  declare(program, 'nudge <id>', 'make a task look at its job now').action(nudge);
}

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

function declareProcesses(program: Command): void {
  declare(program, 'worker', 'run a worker against the configured Temporal').action(worker);
  declare(program, 'simulate', 'run the simulated Databricks workspace')
    .option('--port <port>', 'port', '8765')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--token <token>', 'a personal access token it accepts (repeatable)', collect, [])
    .option('--client <id:secret>', 'an OAuth client it accepts (repeatable)', collect, [])
    .option('--state <file>', 'keep runs here over restarts')
    .option('--speed <factor>', 'how much faster its clock runs', '1')
    .option('--rate <requests>', 'requests per second before 429')
    .option(
      '--fault <spec>',
      'a fault on demand, such as submit:commit-then-503:times=1 (repeatable)',
      collect,
      [],
    )
    .addHelpText('after', '\nExample:\n  longhaul simulate --fault get:429:retryAfter=2:times=3')
    .action(simulate);
  declare(
    program,
    'dev',
    'run the engine in the foreground: Temporal with its UI, a worker, the simulated workspace',
  )
    .option('--status', 'show the engine that runs')
    .option('--stop', 'stop it; open tasks go on at the next start')
    .action(dev);
  program.command('engine', { hidden: true }).action(engine);
}

function declareSetup(program: Command): void {
  declare(program, 'init', 'prepare the namespace: search attributes and 30 days of retention').action(init);
  declare(program, 'doctor', 'check everything Longhaul needs, and name the mend').action(doctor);
  declare(program, 'connectors', 'list what is registered').action(connectors);
  declare(program, 'version', 'print the version').action(version);
  declare(program, 'completion <shell>', 'print a completion script: bash, zsh or fish')
    .addHelpText('after', '\nExample:\n  source <(longhaul completion bash)')
    .action((shell: string, options: CommonOptions) =>
      runCommand(options, () => {
        completion(shell, program);
        return Promise.resolve(0);
      }),
    );
}

void createProgram().parseAsync();
