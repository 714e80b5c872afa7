import type { Command } from 'commander';

import { LonghaulError } from '../../connector/errors';

/** Prints a completion script for a shell, made from the commands as they are declared. */
export function completion(shell: string, program: Command): void {
  const script = SHELLS[shell];
  if (script === undefined) {
    throw new LonghaulError(
      'CONFIG',
      `No completion for ${shell} (known: ${Object.keys(SHELLS).join(', ')}).`,
    );
  }
  process.stdout.write(`${script(program)}\n`);
}

const SHELLS: Readonly<Record<string, (program: Command) => string>> = { bash, zsh, fish };

interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly string[];
}

function commandsOf(program: Command): Completed[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible.map((command) => ({
    name: command.name(),
    description: command.description().split('\n')[0] ?? '',
    options: command.options.flatMap((option) => option.long ?? []),
  }));
}

function bash(program: Command): string {
  const commands = commandsOf(program);
  const cases = commands.map(({ name, options }) => `    ${name}) words="${options.join(' ')}" ;;`);
  return [
    '_longhaul() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${commands.map(({ name }) => name).join(' ')}"`,
    '  else case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac; fi',
    '  case "$word" in -*) ;; *) [ "$COMP_CWORD" -gt 1 ] && { COMPREPLY=($(compgen -f -- "$word")); return; } ;; esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    'complete -o filenames -F _longhaul longhaul',
  ].join('\n');
}

function zsh(program: Command): string {
  return ['autoload -U +X bashcompinit && bashcompinit', bash(program)].join('\n');
}

function fish(program: Command): string {
  return commandsOf(program)
    .flatMap(({ name, description, options }) => [
      `complete -c longhaul -n __fish_use_subcommand -a ${name} -d '${description.replaceAll("'", '’')}'`,
      ...options.map(
        (option) => `complete -c longhaul -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
      ),
    ])
    .join('\n');
}
