import type { TaskMetric } from '../connector/connector';
import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';

/** Outputs for people: a heading for each task, its members below. */
export function toOutputsText(outputs: JsonObject): string {
  const entries = Object.entries(outputs);
  if (entries.length === 0) return 'No task gave an output.';
  return entries.map(([task, output]) => describe(task, output)).join('\n');
}

/** Which parts of a job ended without an output and why, by their latest attempts; undefined where none did. */
export function describeWithout(outputs: JsonObject, metrics: readonly TaskMetric[]): string | undefined {
  const latest = new Map<string, TaskMetric>();
  for (const metric of metrics) {
    const { name, attempt } = metric;
    if ((latest.get(name)?.attempt ?? -1) <= attempt) latest.set(name, metric);
  }
  const without = [...latest.values()].filter(({ name }) => outputs[name] === undefined);
  const parts = WITHOUT.flatMap(([word, phases]) => {
    const count = without.filter(({ phase }) => phases.includes(phase)).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return parts.length === 0 ? undefined : `Tasks without an output: ${parts.join(', ')}.`;
}

const WITHOUT: readonly (readonly [string, readonly string[]])[] = [
  ['failed', ['FAILED', 'RETRYABLE_FAILED']],
  ['canceled', ['ABORTED']],
  ['skipped', ['SKIPPED']],
];

function describe(task: string, output: JsonValue): string {
  if (!isJsonObject(output) || typeof output['kind'] !== 'string') {
    return `${task} = ${JSON.stringify(output)}`;
  }
  const { kind, truncated, ...members } = output;
  const words = truncated === true ? `${kind}, cut` : kind;
  const [only, ...others] = Object.entries(members);
  if (only !== undefined && others.length === 0 && isShort(only[1])) {
    return `${task} (${words}): ${plain(only[1])}`;
  }
  return [
    `${task} (${words})`,
    ...Object.entries(members).flatMap(([name, value]) => memberLines(name, value)),
  ].join('\n');
}

function memberLines(name: string, value: JsonValue): string[] {
  if (isShort(value)) return [`  ${name}: ${plain(value)}`];
  return [
    `  ${name}:`,
    ...plain(value)
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`),
  ];
}

function isShort(value: JsonValue): boolean {
  return !plain(value).includes('\n');
}

function plain(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
