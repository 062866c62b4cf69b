/** References to other objects, by their parts. */
import type { FieldError } from '../../resource.ts';
import { invalidEach, required } from '../../validation/field-error.ts';
import { dnsSubdomain, pathSegment } from '../../validation/names.ts';

/** A part that must be there and fit one segment of a path. */
export function validateSegment(path: string, value: string | undefined): FieldError[] {
  return value ? invalidEach(path, value, pathSegment(value)) : [required(path)];
}

/** An API group; the core group is empty. */
export function validateGroup(path: string, group: string | undefined): FieldError[] {
  return group ? invalidEach(path, group, dnsSubdomain(group)) : [];
}
