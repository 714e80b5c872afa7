import { basename } from 'node:path';

import { parse as parseLosslessJson } from 'lossless-json';
import { parseDocument } from 'yaml';

import { invalidTask, type LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonValue } from '../connector/json';
import { firstLine } from './format';

/**
 * Reads YAML or JSON text. Integers beyond 2^53, as Databricks ids are, become text instead of being rounded.
 * @throws INVALID_TASK with line and column.
 */
export function parseTaskDocument(text: string, path: string): JsonValue {
  const plain = text.replace(/^\uFEFF/, '');
  return path.endsWith('.json') ? parseJson(plain, basename(path)) : parseYaml(plain, basename(path));
}

function parseJson(text: string, fileName: string): JsonValue {
  const value = attempt(
    () => parseLosslessJson(text, undefined, { parseNumber }),
    (message) => invalidTask(fileName, `is no valid JSON: ${withLine(message, text)}`),
  );
  return toJsonValue(value, '');
}

/** The parser counts characters; people count lines. */
function withLine(message: string, text: string): string {
  return message.replace(/ at position (\d+)/, (_whole, digits: string) => {
    const before = text.slice(0, Number(digits)).split('\n');
    return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  });
}

function attempt<T>(parse: () => T, toError: (message: string) => LonghaulError): T {
  try {
    return parse();
  } catch (error) {
    throw toError(error instanceof Error ? error.message : String(error));
  }
}

function parseNumber(digits: string): number | string {
  const value = Number(digits);
  return /^-?\d+$/.test(digits) && !Number.isSafeInteger(value) ? digits : value;
}

function parseYaml(text: string, fileName: string): JsonValue {
  const toError = (message: string): LonghaulError =>
    invalidTask(fileName, `is no valid YAML: ${firstLine(message).replace(/:$/, '')}`);
  const document = attempt(() => parseDocument(text, { intAsBigInt: true, prettyErrors: true }), toError);
  const [error] = document.errors;
  if (error !== undefined) throw toError(error.message);
  // An alias that stands for too much is found only here.
  return toJsonValue(
    attempt((): unknown => document.toJS(), toError),
    '',
  );
}

function toJsonValue(value: unknown, field: string): JsonValue {
  if (typeof value === 'bigint') return parseNumber(value.toString());
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => toJsonValue(item, `${field}[${index}]`));
  }
  if (isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        toJsonValue(item, field === '' ? key : `${field}.${key}`),
      ]),
    );
  }
  throw invalidTask(field, `is a ${typeof value} that JSON does not know`);
}
