import { parse as parseLosslessJson } from 'lossless-json';
import { parseDocument } from 'yaml';

import { invalidTask } from '../connector/errors';
import { isJsonObject, type JsonValue } from '../connector/json';

/**
 * Reads YAML or JSON text. Integers beyond 2^53, as Databricks ids are, become text instead of being rounded.
 * @throws INVALID_TASK with line and column.
 */
export function parseTaskDocument(text: string, fileName: string): JsonValue {
  return fileName.endsWith('.json') ? parseJson(text, fileName) : parseYaml(text, fileName);
}

function parseJson(text: string, fileName: string): JsonValue {
  try {
    return toJsonValue(parseLosslessJson(text, undefined, { parseNumber }), fileName);
  } catch (error) {
    throw invalidTask(fileName, `is no valid JSON: ${messageOf(error)}`);
  }
}

function parseNumber(digits: string): number | string {
  const value = Number(digits);
  return /^-?\d+$/.test(digits) && !Number.isSafeInteger(value) ? digits : value;
}

function parseYaml(text: string, fileName: string): JsonValue {
  const document = parseDocument(text, { intAsBigInt: true, prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalidTask(fileName, `is no valid YAML: ${error.message.split('\n')[0] ?? ''}`);
  }
  return toJsonValue(document.toJS(), fileName);
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
      Object.entries(value).map(([key, item]) => [key, toJsonValue(item, `${field}.${key}`)]),
    );
  }
  throw invalidTask(field, `is a ${typeof value}, which JSON does not know`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
