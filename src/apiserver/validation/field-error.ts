/**
 * Makers of field errors. The words are those upstream prints, since clients and tests match on them: a message is the
 * part after the field, as it stands in `Status.details.causes[].message`.
 */
import type { FieldError } from '../resource.ts';

/** How Go prints a bad value: strings quoted, numbers and booleans plain, all else as JSON. */
function printed(value: unknown): string {
  return value === undefined ? 'null' : JSON.stringify(value);
}

function body(kind: string, value: unknown, detail: string): string {
  return detail === '' ? `${kind}: ${printed(value)}` : `${kind}: ${printed(value)}: ${detail}`;
}

/** A value must be there and is not. */
export function required(field: string, detail = ''): FieldError {
  return {
    field,
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  };
}

/** A value is malformed or out of range. */
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: body('Invalid value', value, detail) };
}

/** One `invalid` for each detail. */
export function invalidEach(field: string, value: unknown, details: readonly string[]): FieldError[] {
  return details.map((detail) => invalid(field, value, detail));
}

/** A value is none of the known ones. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((s) => JSON.stringify(s)).join(', ');
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: body('Unsupported value', value, `supported values: ${list}`),
  };
}

/** A value stands twice where it may stand once. */
export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return { field, reason: 'FieldValueDuplicate', message: body('Duplicate value', value, detail) };
}

/** A well-formed value that may not be set here. */
export function forbidden(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${detail}` };
}

/** A value names something that is not there. */
export function notFound(field: string, value: unknown): FieldError {
  return { field, reason: 'FieldValueNotFound', message: body('Not found', value, '') };
}

/** A value has more than `limit` bytes. */
export function tooLong(field: string, limit: number): FieldError {
  const unit = limit === 1 ? 'byte' : 'bytes';
  return { field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${limit} ${unit}` };
}

/** A list has more than `limit` items. */
export function tooMany(field: string, count: number, limit: number): FieldError {
  const unit = limit === 1 ? 'item' : 'items';
  const message = `Too many: ${count}: must have at most ${limit} ${unit}`;
  return { field, reason: 'FieldValueTooMany', message };
}

/** The value must stay as it was. */
export function immutable(field: string, value: unknown): FieldError {
  return invalid(field, value, 'field is immutable');
}

/** Path of an element of a map: `data[tls.crt]`. */
export function keyOf(path: string, key: string): string {
  return `${path}[${key}]`;
}

/** A number below zero. */
export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];
}

/** One of a fixed set; an empty value is missing. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}
