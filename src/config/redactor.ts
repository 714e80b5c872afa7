import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';

export const REDACTED = '[redacted]';

/**
 * Shorter values are left alone: to blank every `on` or `42` would destroy a text and yet hide nothing worth hiding.
 */
const SHORTEST_SECRET = 4;
/** From here on the inner characters of a base64 text are long enough not to hit innocent text by chance. */
const SHORTEST_EMBEDDED_BYTES = 8;

/** Replaces known secret values by `[redacted]`, in any spelling they take on the way. */
export interface Redactor {
  redactText(text: string): string;
  /** Keys, texts and numbers, at any depth. */
  redactJson(value: JsonValue): JsonValue;
}

/**
 * Knows a value as it is, JSON-escaped, URL-encoded, in base64 and base64url, alone or inside a longer encoded text
 * (as in `Basic` credentials). Values under 4 characters are ignored. Pure; hold it no longer than the values.
 */
export function createRedactor(values: Iterable<string>): Redactor {
  const pattern = toPattern([...new Set(values)].filter((value) => value.length >= SHORTEST_SECRET));
  const redactText = (text: string): string =>
    pattern === undefined ? text : text.replace(pattern, REDACTED);
  return { redactText, redactJson: (value) => redactJson(value, redactText) };
}

function redactJson(value: JsonValue, redactText: (text: string) => string): JsonValue {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'number') return redactText(String(value)) === String(value) ? value : REDACTED;
  if (Array.isArray(value)) return value.map((item: JsonValue) => redactJson(item, redactText));
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, item]) => [redactText(key), redactJson(item, redactText)]);
  return Object.fromEntries(members) as JsonObject; // fromEntries loses the member type
}

function toPattern(values: readonly string[]): RegExp | undefined {
  const spellings = [...new Set(values.flatMap(spellingsOf))].sort((a, b) => b.length - a.length); // longest first
  return spellings.length === 0 ? undefined : new RegExp(spellings.map(escapeForRegExp).join('|'), 'g');
}

function spellingsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const percent = encodeURIComponent(bytes.toString('utf8')); // a lone surrogate in the value itself would throw
  const lower = percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    percent,
    lower,
    percent.replaceAll('%20', '+'),
    ...base64Spellings(bytes),
  ];
}

function base64Spellings(bytes: Buffer): string[] {
  const whole = [bytes.toString('base64'), bytes.toString('base64url')];
  if (bytes.length < SHORTEST_EMBEDDED_BYTES) return whole;
  const embedded = [0, 1, 2].map((offset) => embeddedBase64(bytes, offset));
  return [...whole, ...embedded, ...embedded.map(toBase64Url)];
}

/** The characters that depend on the value alone when `offset` bytes (modulo 3) stand before it in a longer text. */
function embeddedBase64(bytes: Buffer, offset: number): string {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((padded.length * 8) / 6);
  return padded.toString('base64').slice(from, to);
}

function toBase64Url(text: string): string {
  return text.replaceAll('+', '-').replaceAll('/', '_');
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
