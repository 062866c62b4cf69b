/** Refusals of whole objects, as upstream words them. */
import { type ApiError, apiError } from '../../api/errors.ts';
import type { ResourceType } from '../../api/resources.ts';
import type { StatusCause, StatusDetails } from '../../api/types.gen.ts';
import type { FieldError } from '../resource.ts';

/** What a refusal names: a row's type, or a group and resource of a request. */
export type Named = Pick<ResourceType<unknown>, 'group' | 'resource'>;

const qualified = (name: string, group: string): string => (group === '' ? name : `${name}.${group}`);

function detailsOf(name: string, group: string, kind: string, causes: readonly StatusCause[] = []): StatusDetails {
  const details: StatusDetails = name === '' ? { kind } : { name, kind };
  if (group !== '') details.group = group;
  if (causes.length > 0) details.causes = [...causes];
  return details;
}

function aggregate(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** 422: the object breaks rules of its kind; each field error is a cause. */
export function invalidObject(
  { group, kind }: Pick<ResourceType<unknown>, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): ApiError {
  const causes: StatusCause[] = errors.map(({ field, reason, message }) => ({ reason, message, field }));
  const message = `${qualified(kind, group)} ${JSON.stringify(name)} is invalid: ${aggregate(errors)}`;
  return apiError({ code: 422, reason: 'Invalid', message, details: detailsOf(name, group, kind, causes) });
}

/** 403: the caller may not, or admission refuses, for this reason. */
export function forbiddenObject(
  { group, resource }: Named,
  name: string,
  why: string,
  causes: readonly StatusCause[] = [],
): ApiError {
  const what = `${qualified(resource, group)}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  const details = detailsOf(name, group, resource, causes);
  return apiError({ code: 403, reason: 'Forbidden', message: `${what} is forbidden: ${why}`, details });
}

/** 404. */
export function objectNotFound({ group, resource }: Named, name: string): ApiError {
  const message = `${qualified(resource, group)} ${JSON.stringify(name)} not found`;
  return apiError({ code: 404, reason: 'NotFound', message, details: detailsOf(name, group, resource) });
}

/** 500. */
export function internalError(why: string): ApiError {
  return apiError({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${why}` });
}
