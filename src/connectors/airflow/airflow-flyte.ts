import { parse } from 'lossless-json';
import {
  invalidTask,
  isJsonObject,
  LonghaulError,
  shorten,
  type JsonObject,
  type JsonValue,
} from '../../connector';
import { isFunctionPath, isModulePath, isName } from './airflow-names';

/** Where Flyte's plugin puts the operator: jsonpickle's JSON, as text. */
const FIELD = 'custom.task_config_pkl';
const AIRFLOW_OBJECT = 'flytekitplugins.airflow.task.AirflowObj';
/** Beyond these nothing is an operator's parameters any more. */
const LARGEST_CHARACTERS = 512 * 1024;
const DEEPEST = 64;
/** Of what is refused, in the message. */
const LONGEST_SHOWN = 80;

/** The only types that are ever built from what Flyte sends: plain facts without side effects. */
const TYPES: ReadonlySet<JsonValue> = new Set([
  ...['datetime.timedelta', 'datetime.datetime', 'datetime.date', 'datetime.timezone'],
]);

/** An operator as Flyte's plugin describes it; the parameters keep jsonpickle's tags. */
export interface FlyteOperator {
  readonly module: string;
  readonly name: string;
  readonly parameters: JsonObject;
}

/**
 * Reads jsonpickle's JSON without ever evaluating it: structure and tags are looked at, and every tag that is not a
 * plain date, duration, tuple or set is refused by name. Decoding it as jsonpickle does would run what it says.
 * @throws INVALID_TASK for what is no operator of Flyte's plugin, PERMISSION_DENIED for a refused tag.
 */
export function readTaskConfig(text: JsonValue | undefined): FlyteOperator {
  if (typeof text !== 'string') {
    throw invalidTask(FIELD, 'must be the text that Flyte’s Airflow plugin writes', text);
  }
  if (text.length > LARGEST_CHARACTERS) {
    throw invalidTask(FIELD, `is too large: it must not exceed ${LARGEST_CHARACTERS} characters`);
  }
  const document = parseText(text);
  if (!isJsonObject(document) || document['py/object'] !== AIRFLOW_OBJECT) {
    throw refused(`what is not an AirflowObj of Flyte’s plugin`);
  }
  const { 'py/object': _type, module, name, parameters, ...others } = document;
  const [other] = Object.keys(others);
  if (other !== undefined) throw refused(`${FIELD}: the member ${other}`);
  if (!isModulePath(module)) throw invalidTask(`${FIELD}.module`, 'must be a dotted module path', module);
  if (!isName(name)) throw invalidTask(`${FIELD}.name`, 'must be a class name', name);
  if (!isJsonObject(parameters)) throw invalidTask(`${FIELD}.parameters`, 'must be an object', parameters);
  scan(parameters, { field: `${FIELD}.parameters`, depth: 0, containers: text.match(/[[{]/g)?.length ?? 0 });
  return { module, name, parameters };
}

/** A member that is there twice with two values is refused too: two readers could take one each. */
function parseText(text: string): JsonValue {
  try {
    return parse(text, null, Number) as JsonValue; // the library cannot know that numbers stay numbers
  } catch (cause) {
    throw invalidTask(FIELD, `is not JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`);
  }
}

interface Place {
  readonly field: string;
  readonly depth: number;
  /** At least as many as there are objects and lists: no reference by number reaches beyond. */
  readonly containers: number;
}

function inside(place: Place, name: string): Place {
  return { ...place, field: `${place.field}${name}`, depth: place.depth + 1 };
}

function scan(value: JsonValue, place: Place): void {
  if (place.depth > DEEPEST) {
    throw invalidTask(place.field, `is nested too deeply (at most ${DEEPEST} levels)`);
  }
  if (Array.isArray(value)) scanItems(value, place);
  else if (isJsonObject(value)) scanObject(value, place);
}

function scanItems(items: readonly JsonValue[], place: Place): void {
  items.forEach((item, index) => scan(item, inside(place, `[${index}]`)));
}

function scanObject(value: JsonObject, place: Place): void {
  const keys = Object.keys(value);
  const encodedKey = keys.find((key) => key.startsWith('json://'));
  if (encodedKey !== undefined) {
    throw refused(`${place.field}: the json:// key ${shorten(encodedKey, LONGEST_SHOWN)}`);
  }
  const tags = keys.filter((key) => key.startsWith('py/'));
  const [tag] = tags;
  if (tag === undefined) {
    for (const [key, member] of Object.entries(value)) scan(member, inside(place, `.${key}`));
    return;
  }
  const unknown = tags.find((key) => !Object.hasOwn(TAGS, key));
  if (unknown !== undefined) throw refused(`${place.field}: ${unknown}`);
  assertPlainObject(value['py/object'], place.field);
  const companion = tag === 'py/object' ? '__reduce__' : undefined;
  const stray = keys.find((key) => key !== tag && key !== companion);
  if (stray !== undefined) throw refused(`${place.field}: ${tag} beside ${stray}`);
  TAGS[tag]?.(value, place);
}

function assertPlainObject(type: JsonValue | undefined, field: string): void {
  if (type === undefined || TYPES.has(type)) return;
  throw refused(
    `${field}: py/object ${typeof type === 'string' ? shorten(type, LONGEST_SHOWN) : 'without a name'}`,
  );
}

/** Each knows one tag: it looks at what belongs to it, goes on inside, and refuses the rest. */
const TAGS: Readonly<Record<string, (value: JsonObject, place: Place) => void>> = {
  'py/tuple': (value, place) => scanList('py/tuple', value, place),
  'py/set': (value, place) => scanList('py/set', value, place),
  'py/id': assertReference,
  'py/function': assertFunction,
  'py/reduce': scanReduction,
  'py/object': scanDate,
  'py/type': (value, { field }) => {
    throw refused(`${field}: py/type ${nameIn(value)} as a value`);
  },
};

function scanList(tag: 'py/tuple' | 'py/set', value: JsonObject, place: Place): void {
  const items = value[tag];
  if (!Array.isArray(items)) throw refused(`${place.field}: a ${tag} that is no list`);
  scanItems(items, inside(place, `.${tag}`));
}

/** Something that stands elsewhere in the text, by its number; the first is the operator itself. */
function assertReference(value: JsonObject, { field, containers }: Place): void {
  const id = value['py/id'];
  if (typeof id === 'number' && Number.isInteger(id) && id > 1 && id <= containers) return;
  throw refused(`${field}: py/id ${shorten(JSON.stringify(id), LONGEST_SHOWN)}`);
}

/** Only its name travels; whether it may be called is decided by the worker's allow-list. */
function assertFunction(value: JsonObject, { field }: Place): void {
  if (isFunctionPath(value['py/function'])) return;
  throw refused(`${field}: py/function ${shorten(JSON.stringify(value['py/function']), LONGEST_SHOWN)}`);
}

/** A plain type and its arguments, and nothing more: a state would be set by code of its class. */
function scanReduction(value: JsonObject, place: Place): void {
  const parts = value['py/reduce'];
  const [target, args, ...state] = Array.isArray(parts) ? (parts as readonly JsonValue[]) : [];
  if (!isPlainType(target)) throw refused(`${place.field}: py/reduce of ${nameIn(target)}`);
  const isCall = isJsonObject(args) && Object.keys(args).join() === 'py/tuple';
  if (!isCall || state.length > 0) throw refused(`${place.field}: a py/reduce with more than arguments`);
  scan(args, inside(place, '.py/reduce'));
}

/** How jsonpickle writes dates: their type twice, and what they are rebuilt from. */
function scanDate(value: JsonObject, place: Place): void {
  const parts = value['__reduce__'];
  const [target, args, ...state] = Array.isArray(parts) ? (parts as readonly JsonValue[]) : [];
  if (!isPlainType(target)) throw refused(`${place.field}: py/type ${nameIn(target)}`);
  if (!Array.isArray(args) || state.length > 0) {
    throw refused(`${place.field}: a date with more than its parts`);
  }
  scanItems(args, inside(place, '.__reduce__'));
}

function isPlainType(target: JsonValue | undefined): boolean {
  return (
    isJsonObject(target) && Object.keys(target).join() === 'py/type' && TYPES.has(target['py/type'] ?? null)
  );
}

/** What a type or function tag names, for the message. */
function nameIn(target: JsonValue | undefined): string {
  const name = isJsonObject(target) ? (target['py/type'] ?? target['py/function']) : undefined;
  return typeof name === 'string' ? shorten(name, LONGEST_SHOWN) : 'something unnamed';
}

function refused(what: string): LonghaulError {
  return new LonghaulError('PERMISSION_DENIED', `${what} is refused; nothing of it was executed.`, {
    field: FIELD,
    advice: 'Give the operator plain values, dates, durations, tuples and sets only.',
  });
}
