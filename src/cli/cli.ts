#!/usr/bin/env node
import { Argument, Command, CommanderError, Help, type Option } from 'commander';

import { readPackageVersion } from '../config/package-version';
import { endOnLostOutput, type CommonOptions } from './command';
import { completion, COMPLETION_SHELLS, type CompletionShell } from './commands/completion';
import { declare } from './declare';
import { declareProcesses } from './declare-processes';
import { declareTaskCommands } from './declare-tasks';

/** What a command needs is loaded when it runs. */
const load = {
  setup: () => import('./commands/setup.js'),
  doctor: () => import('./commands/doctor.js'),
  version: () => import('./commands/version.js'),
} as const;

function createProgram(): Command {
  const program = new Command('longhaul')
    .description(
      'Runs other systems’ long jobs: never started twice, never lost, really stopped when canceled.',
    )
    .version(readPackageVersion(), '-V, --version')
    .addHelpText('after', '\nExample:\n  longhaul run examples/word-count/task.yaml')
    .showHelpAfterError('(longhaul COMMAND --help shows what it takes)')
    .exitOverride()
    .configureHelp({ optionDescription })
    .helpCommand('help [command]', 'show this, or what a command takes');
  declareTaskCommands(program);
  declareProcesses(program);
  declareSetup(program);
  return program;
}

/** That a list is empty until its option is given tells a reader nothing. */
function optionDescription(option: Option): string {
  if (Array.isArray(option.defaultValue)) return option.description;
  return new Help().optionDescription(option);
}

function declareSetup(program: Command): void {
  declare(program, 'init', 'prepare the namespace: search attributes and 30 days of retention')
    .addHelpText('after', '\nExample:\n  TEMPORAL_ADDRESS=temporal.example.com:7233 longhaul init')
    .action(async (options: CommonOptions) => (await load.setup()).init(options));
  declare(program, 'doctor', 'check everything Longhaul needs, and name the mend')
    .addHelpText('after', '\nExamples:\n  longhaul doctor\n  longhaul doctor -o json')
    .action(async (options: CommonOptions) => (await load.doctor()).doctor(options));
  declare(program, 'connectors', 'list what is registered')
    .addHelpText('after', '\nExample:\n  longhaul connectors')
    .action(async (options: CommonOptions) => (await load.setup()).connectors(options));
  declare(program, 'version', 'print the version')
    .addHelpText('after', '\nExample:\n  longhaul version -o json')
    .action(async (options: CommonOptions) => (await load.version()).version(options));
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
