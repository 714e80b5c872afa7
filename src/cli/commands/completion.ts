import type { Command, Option } from 'commander';

import { runCommand, type CommonOptions } from '../command';

export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof COMPLETION_SHELLS)[number];

/** Prints a completion script for a shell, made from the commands as they are declared. */
export function completion(shell: CompletionShell, program: Command, options: CommonOptions): Promise<void> {
  return runCommand(options, (output) => {
    const script = SCRIPTS[shell](program);
    output.result(script, { shell, script });
    return Promise.resolve(0);
  });
}

const SCRIPTS: Readonly<Record<CompletionShell, (program: Command) => string>> = { bash, zsh, fish };

interface CompletedOption {
  readonly flags: readonly string[];
  /** Undefined when it takes no value, empty when any value. */
  readonly values: readonly string[] | undefined;
  readonly takesFile: boolean;
}

interface CompletedCommand {
  /** Its name and its aliases. */
  readonly names: readonly string[];
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** Words for its arguments. */
  readonly words: readonly string[];
  readonly takesFile: boolean;
}

function commandsOf(program: Command): CompletedCommand[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible.map((command) => ({
    names: [command.name(), ...command.aliases()],
    description: command.description(),
    options: command.options.map(toCompletedOption),
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    takesFile: command.registeredArguments.some((argument) => argument.name() === 'file'),
  }));
}

function toCompletedOption({ short, long, argChoices, required, optional, flags }: Option): CompletedOption {
  return {
    flags: [short, long].flatMap((flag) => flag ?? []),
    values: required || optional ? (argChoices ?? []) : undefined,
    takesFile: flags.includes('<file>'),
  };
}

function bash(program: Command): string {
  const commands = commandsOf(program);
  return [
    '_longhaul() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  local words="" options="" files=""',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${commands.flatMap(({ names }) => names).join(' ')}"`,
    '  else',
    '    case "${COMP_WORDS[1]}" in',
    ...commands.map(bashCase),
    '    esac',
    '  fi',
    '  case "$word" in -*) words="$options" files="" ;; esac',
    '  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '  [ -n "$files" ] && { compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$word")); }',
    '  return 0',
    '}',
    'complete -F _longhaul longhaul',
  ].join('\n');
}

/** An option's value comes right behind it; nothing else is offered there. */
function bashCase({ names, options, words, takesFile }: CompletedCommand): string {
  const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith('--')));
  const valued = options.filter(({ values }) => values !== undefined);
  const values = valued.map(
    (option) =>
      `${option.flags.join('|')}) words="${(option.values ?? []).join(' ')}" files="${option.takesFile ? 'yes' : ''}" ;;`,
  );
  return [
    `      ${names.join('|')})`,
    `        words="${words.join(' ')}" files="${takesFile ? 'yes' : ''}" options="${flags.join(' ')}"`,
    `        case "$before" in ${values.join(' ')} esac ;;`,
  ].join('\n');
}

function zsh(program: Command): string {
  return [
    'autoload -U +X compinit && compinit',
    'autoload -U +X bashcompinit && bashcompinit',
    bash(program),
  ].join('\n');
}

function fish(program: Command): string {
  const lines = commandsOf(program).flatMap(({ names, description, options, words, takesFile }) => {
    const inside = `__fish_seen_subcommand_from ${names.join(' ')}`;
    return [
      ...names.map(
        (name) =>
          `complete -c longhaul -f -n __fish_use_subcommand -a ${name} -d '${description.replaceAll("'", '’')}'`,
      ),
      ...(takesFile ? [`complete -c longhaul -F -n '${inside}'`] : []),
      ...(words.length === 0 ? [] : [`complete -c longhaul -n '${inside}' -a '${words.join(' ')}'`]),
      ...options.map((option) => fishOption(option, inside)),
    ];
  });
  return ['complete -c longhaul -f', ...lines].join('\n');
}

function fishOption({ flags, values, takesFile }: CompletedOption, inside: string): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const choices = values === undefined ? '' : ` ${takesFile ? '-rF' : '-x'}`;
  const words = values === undefined || values.length === 0 ? '' : ` -a '${values.join(' ')}'`;
  return `complete -c longhaul -n '${inside}' ${names.join(' ')}${choices}${words}`;
}
