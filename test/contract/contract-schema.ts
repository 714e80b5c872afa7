import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import Ajv from 'ajv/dist/2020';

export const GOLDEN = join(__dirname, 'golden');
const SCHEMA_FILE = join(__dirname, 'connector-activities.schema.json');

interface ContractSchema {
  readonly $id: string;
  readonly $defs: Readonly<Record<string, unknown>>;
}

const schema = readJson(SCHEMA_FILE) as ContractSchema;
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false }).addSchema(schema);

const MORE_SHAPES: ReadonlySet<string> = new Set(['failureDetails', 'snapshot', 'airflowMetadata']);

/** The shapes that both sides keep: inputs and results by the name of their activity, failure details, snapshot, meta. */
export const SHAPES = Object.keys(schema.$defs).filter(
  (name) => /(Input|Result)$/.test(name) || MORE_SHAPES.has(name),
);

/** What is wrong with a payload, in words; empty when it keeps the contract. */
export function faultsOf(shape: string, payload: unknown): string[] {
  const validate = ajv.getSchema(`${schema.$id}#/$defs/${shape}`);
  if (validate === undefined) return [`there is no shape ${shape}`];
  if (validate(payload) === true) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The examples that both sides must understand. */
export function goldenPayloads(shape: string): readonly unknown[] {
  return readJson(join(GOLDEN, `${shape}.json`)) as readonly unknown[];
}
