import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PythonStandIn {
  readonly version?: readonly [number, number, number];
  readonly lacksVenv?: boolean;
  /** What fails: `uv` cannot be had, `packages` cannot be had at all. */
  readonly fails?: 'uv' | 'packages';
}

/**
 * A Python of a few lines of shell in this folder: it answers, makes environments of itself, writes down in `installed`
 * what it installs, and as a worker it writes its variables to `variables`, says what it serves and waits for the end
 * of its input.
 * @returns the variable that names it.
 */
export function createPythonStandIn(
  folder: string,
  { version = [3, 12, 1], lacksVenv = false, fails }: PythonStandIn = {},
): Record<string, string> {
  const file = join(folder, `python-${version.join('.')}`);
  const answer = JSON.stringify({ version, build: version.join('.'), venv: !lacksVenv });
  const uv = `#!/bin/sh\necho "uv $*" >> '${folder}/installed'\n${fails === 'packages' ? 'exit 1' : ''}`;
  const script = `#!/bin/sh
case "$*" in
  -c*) echo '${answer}' ;;
  "-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *--target*)
    ${fails === 'uv' ? 'echo "no index" >&2; exit 1' : ''}
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/bin" && cat > "$2/bin/uv" <<'UV'
${uv}
UV
    chmod +x "$2/bin/uv" ;;
  "-m longhaul_airflow"*)
    env > '${folder}/variables'; echo $$ > '${folder}/pid'
    echo "$*" >> '${folder}/workers'
    echo 'The worker serves airflow3'
    cat > /dev/null ;;
  *) echo "pip $*" >> '${folder}/installed'; ${fails === 'packages' ? 'echo "no such package" >&2; exit 1' : ':'} ;;
esac
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  return { LONGHAUL_AIRFLOW_PYTHON: file };
}
