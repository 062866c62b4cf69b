/** Whether a JSON value is of a scalar type of the API, as the server's decoder takes it. */
import { tryParseQuantity } from '../quantity.ts';
import type { Scalar } from './definitions.ts';

const timePattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const base64Pattern = /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/;

const isTime = (value: unknown): boolean =>
  typeof value === 'string' && timePattern.test(value) && !Number.isNaN(Date.parse(value));
const isString = (value: unknown): boolean => typeof value === 'string';

const checks: Readonly<Record<Scalar, (value: unknown) => boolean>> = {
  string: isString,
  bytes: (value) =>
    typeof value === 'string' && base64Pattern.test(value) && value.replace(/[\r\n]/g, '').length % 4 === 0,
  time: isTime,
  microTime: isTime,
  quantity: (value) =>
    (typeof value === 'string' || typeof value === 'number') && tryParseQuantity(value) !== undefined,
  intOrString: (value) => typeof value === 'string' || Number.isInteger(value),
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  any: () => true,
};

/** True, false, or undefined when `type` is not a scalar type. */
export function isOfScalar(type: string, value: unknown): boolean | undefined {
  return Object.hasOwn(checks, type) ? checks[type as Scalar](value) : undefined;
}
