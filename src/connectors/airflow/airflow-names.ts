import type { JsonValue } from '../../connector';

/** Names with two underscores are Python's own: no operator, hook or trigger is found behind them. */
const NAME = '(?!\\w*__)[A-Za-z_]\\w*';
const MODULE = new RegExp(`^${NAME}(\\.${NAME})*$`);
const CLASS_PATH = new RegExp(`^${NAME}(\\.${NAME})+$`);
/** `__main__` is where a script's own functions are. */
const FUNCTION_PATH = new RegExp(`^(__main__|${NAME})(\\.${NAME})+$`);
const NAME_ALONE = new RegExp(`^${NAME}$`);

export function isModulePath(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && MODULE.test(value);
}

/** `package.module.ClassName` */
export function isClassPath(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && CLASS_PATH.test(value);
}

/** `package.module.function` */
export function isFunctionPath(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && FUNCTION_PATH.test(value);
}

export function isName(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && NAME_ALONE.test(value);
}
