import { parse, stringify } from 'lossless-json';

import { apiError } from './api-error';

/** JSON as it crosses the simulated wire: integers beyond 2^53 are `bigint`, an `undefined` member is left out. */
export type WireValue =
  string | number | bigint | boolean | null | undefined | readonly WireValue[] | WireObject;
export interface WireObject {
  readonly [key: string]: WireValue;
}

export function isWireObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses without losing digits. @throws SyntaxError */
export function parseWireJson(text: string): WireValue {
  return parse(text, undefined, parseNumber) as WireValue; // the parser builds nothing but these kinds of values
}

/** Writes ids as bare integers, whatever their size. */
export function toWireJson(value: WireValue): string {
  return stringify(value) ?? 'null';
}

function parseNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Ids are strings inside the simulator and bare integers on the wire. */
export function toWireId(id: string): bigint {
  return BigInt(id);
}

export function readText(params: WireObject, field: string): string | undefined {
  const value = params[field];
  if (value === undefined || value === null) return undefined;
  return isScalar(value) ? String(value) : reject(field, 'must be a string');
}

/** Numbers may come as strings (Airflow, Flyte); an empty string counts as absent. */
export function readInteger(params: WireObject, field: string): number | undefined {
  const text = readText(params, field);
  if (text === undefined || text === '') return undefined;
  return /^-?\d+$/.test(text) ? Number(text) : reject(field, `must be an integer, not '${text}'`);
}

/** An id as its decimal digits. @throws ApiError when it is absent or no number. */
export function readId(params: WireObject, field: string): string {
  const text = readText(params, field);
  if (text === undefined || text === '') return reject(field, 'is required');
  return /^\d+$/.test(text) ? BigInt(text).toString() : reject(field, `must be an integer, not '${text}'`);
}

/** Takes `true`, `True`, `"true"` and their opposites. */
export function readFlag(params: WireObject, field: string): boolean | undefined {
  const text = readText(params, field)?.toLowerCase();
  if (text === undefined || text === '') return undefined;
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : reject(field, `must be a boolean, not '${text}'`);
}

export function readObject(params: WireObject, field: string): WireObject | undefined {
  const value = params[field];
  if (value === undefined || value === null) return undefined;
  return isWireObject(value) ? value : reject(field, 'must be an object');
}

export function readList(params: WireObject, field: string): readonly WireValue[] | undefined {
  const value = params[field];
  if (value === undefined || value === null) return undefined;
  return isList(value) ? value : reject(field, 'must be an array');
}

export function readTexts(params: WireObject, field: string): string[] | undefined {
  return readList(params, field)?.map(toText);
}

/** `Array.isArray` alone would make it a list of `any`. */
function isList(value: WireValue): value is readonly WireValue[] {
  return Array.isArray(value);
}

function isScalar(value: WireValue): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

/** A scalar as text, anything else as JSON. */
export function toText(value: WireValue): string {
  return isScalar(value) ? String(value) : toWireJson(value);
}

function reject(field: string, reason: string): never {
  throw apiError('INVALID_PARAMETER_VALUE', `${field} ${reason}`);
}
