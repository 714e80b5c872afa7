import { readText, type WireObject } from './wire-json';

/** Evaluates a `condition_task`: equality compares texts, order compares numbers; no answer where one is none. */
export function evaluateCondition(condition: WireObject): 'true' | 'false' | undefined {
  const left = readText(condition, 'left') ?? '';
  const right = readText(condition, 'right') ?? '';
  const holds = compare(readText(condition, 'op') ?? '', left, right);
  return holds === undefined ? undefined : (`${holds}` as const);
}

function compare(op: string, left: string, right: string): boolean | undefined {
  switch (op) {
    case 'EQUAL_TO':
      return left === right;
    case 'NOT_EQUAL':
      return left !== right;
    case 'GREATER_THAN':
    case 'GREATER_THAN_OR_EQUAL':
    case 'LESS_THAN':
    case 'LESS_THAN_OR_EQUAL':
      return compareNumbers(op, toNumber(left), toNumber(right));
    default:
      return undefined;
  }
}

type Order = 'GREATER_THAN' | 'GREATER_THAN_OR_EQUAL' | 'LESS_THAN' | 'LESS_THAN_OR_EQUAL';

function compareNumbers(op: Order, left: number, right: number): boolean | undefined {
  if (Number.isNaN(left) || Number.isNaN(right)) return undefined;
  switch (op) {
    case 'GREATER_THAN':
      return left > right;
    case 'GREATER_THAN_OR_EQUAL':
      return left >= right;
    case 'LESS_THAN':
      return left < right;
    case 'LESS_THAN_OR_EQUAL':
      return left <= right;
    default:
      return op satisfies never;
  }
}

function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
