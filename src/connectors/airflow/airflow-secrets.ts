import {
  invalidTask,
  isJsonObject,
  isSecretReference,
  type JsonObject,
  type JsonValue,
} from '../../connector';
import { hintFor } from './airflow-hint';

/** Airflow's own fields of a connection. */
const CONNECTION_FIELDS = [
  ...['conn_type', 'description', 'host', 'schema', 'login', 'password', 'port', 'extra'],
] as const;

const BY_REFERENCE = 'must be a reference such as { $secret: env:NAME }, never the value itself';

/**
 * Connections by id. Whatever is secret in them must be a reference: the task is kept in Temporal's history.
 * @throws INVALID_TASK naming the field, never its value.
 */
export function assertConnections(field: string, value: JsonValue): void {
  if (!isJsonObject(value)) throw invalidTask(field, 'must be an object of connections by id', value);
  for (const [id, connection] of Object.entries(value)) assertConnection(`${field}.${id}`, connection);
}

function assertConnection(field: string, connection: JsonValue): void {
  if (!isJsonObject(connection) || isSecretReference(connection)) {
    throw invalidTask(field, `must be an object of ${CONNECTION_FIELDS.join(', ')}`);
  }
  for (const [name, value] of Object.entries(connection)) {
    const path = `${field}.${name}`;
    if (name === 'extra') assertExtra(path, value);
    else if (name === 'password') assertReference(path, value);
    else if (CONNECTION_FIELDS.some((known) => known === name)) assertPlain(path, value);
    else throw invalidTask(path, `is not known${hintFor(name, CONNECTION_FIELDS)}`);
  }
  if (connection['conn_type'] === undefined) throw invalidTask(`${field}.conn_type`, 'is missing');
}

function assertReference(field: string, value: JsonValue): void {
  if (value === null || value === '' || isSecretReference(value)) return;
  throw invalidTask(field, BY_REFERENCE);
}

/** Text or a port; an address with a password in it is a secret in another dress. */
function assertPlain(field: string, value: JsonValue): void {
  if (value === null || isSecretReference(value)) return;
  if (field.endsWith('.port') && isPort(value)) return;
  if (typeof value === 'string' && !field.endsWith('.port')) {
    if (!/:[^/@\s]*@/.test(value)) return;
    throw invalidTask(
      field,
      `holds credentials: put them into login and password; a password ${BY_REFERENCE}`,
    );
  }
  throw invalidTask(field, field.endsWith('.port') ? 'must be a port' : 'must be text');
}

function isPort(value: JsonValue): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}

/** JSON text would hide its members from this check. */
function assertExtra(field: string, value: JsonValue): void {
  if (value === null || isSecretReference(value)) return;
  if (!isJsonObject(value)) throw invalidTask(field, 'must be an object, or a reference to one as JSON text');
  assertNoClearSecrets(field, value);
}

function assertNoClearSecrets(field: string, value: JsonObject): void {
  for (const [name, member] of Object.entries(value)) {
    assertNotClear(`${field}.${name}`, { isSecret: isSecretName(name), value: member });
  }
}

interface Member {
  readonly isSecret: boolean;
  readonly value: JsonValue;
}

function assertNotClear(field: string, { isSecret, value }: Member): void {
  if (isSecretReference(value)) return;
  if (isSecret && typeof value === 'string' && value !== '') throw invalidTask(field, BY_REFERENCE);
  if (isJsonObject(value)) assertNoClearSecrets(field, value);
  else if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    items.forEach((item, index) => assertNotClear(`${field}[${index}]`, { isSecret, value: item }));
  }
}

/** Variables by name: any JSON; one whose name says that it is a secret must be a reference. */
export function assertVariables(field: string, value: JsonValue): void {
  if (!isJsonObject(value)) throw invalidTask(field, 'must be an object of variables by name', value);
  assertNoClearSecrets(field, value);
}

const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...[
    'token',
    'secret',
    'secrets',
    'password',
    'passwd',
    'passphrase',
    'key',
    'apikey',
    'credential',
    'credentials',
  ],
]);
/** Behind such a word they make it a plain fact: `token_url`, `key_file`, `secret_name`. */
const PLAIN_WORDS: ReadonlySet<string> = new Set([
  ...[
    'url',
    'uri',
    'endpoint',
    'type',
    'path',
    'file',
    'id',
    'name',
    'scope',
    'provider',
    'source',
    'expiry',
  ],
]);

/** Does this name stand for a secret, as `client_secret`, `accessToken` and `private_key` do? */
function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word, index) => SECRET_WORDS.has(word) && !PLAIN_WORDS.has(words[index + 1] ?? ''));
}
