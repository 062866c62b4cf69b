/**
 * Refusals as upstream words them: kubectl prints the message, clients branch on reason and code. Those that a strategy
 * may need too are in validation/refusal.ts.
 */
import { apiError, type ApiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resources.ts';
import type { Status } from '../api/types.gen.ts';

/** What a refusal names: a row's type, or a group and resource of a request. */
export type Named = Pick<ResourceType<unknown>, 'group' | 'resource'>;

/** `pods`, `deployments.apps`. */
export function qualified({ group, resource }: Named): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function detailsOf({ group, resource }: Named, name: string | undefined): Status['details'] {
  return { ...(name !== undefined && { name }), ...(group !== '' && { group }), kind: resource };
}

/** The path, or the resource it names, is not served. */
export function noSuchPath(): ApiError {
  const message = 'the server could not find the requested resource';
  return apiError({ code: 404, reason: 'NotFound', message, details: {} });
}

export function alreadyExists(type: Named, name: string): ApiError {
  const message = `${qualified(type)} "${name}" already exists`;
  return apiError({ code: 409, reason: 'AlreadyExists', message, details: detailsOf(type, name) ?? {} });
}

export function conflict(type: Named, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`;
  return apiError({ code: 409, reason: 'Conflict', message, details: detailsOf(type, name) ?? {} });
}

/** The 409 of a stale resourceVersion. */
export function staleVersion(type: Named, name: string): ApiError {
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  return conflict(type, name, why);
}

export function badRequest(message: string): ApiError {
  return apiError({ code: 400, reason: 'BadRequest', message });
}

export function unauthorized(): ApiError {
  return apiError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
}

/** The revision is no longer known: list again. */
export function expired(message: string): ApiError {
  return apiError({ code: 410, reason: 'Expired', message });
}

/** The revision asked for is ahead of the store (the client spoke to another server before). */
export function tooLargeVersion(asked: number, current: number): ApiError {
  const message = `Too large resource version: ${asked}, current: ${current}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return apiError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: ${message}`,
    details: { causes, retryAfterSeconds: 1 },
  });
}

export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return apiError({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return apiError({ code: 406, reason: 'NotAcceptable', message });
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return apiError({ code: 415, reason: 'UnsupportedMediaType', message });
}

export function tooLarge(limitBytes: number): ApiError {
  const message = `Request entity too large: limit is ${limitBytes}`;
  return apiError({ code: 413, reason: 'RequestEntityTooLarge', message });
}

/** Something behind the server (a kubelet) could not be reached. */
export function unreachable(message: string): ApiError {
  return apiError({ code: 502, reason: 'InternalError', message });
}

/** The Status that says a verb was carried out. */
export function success(details?: Status['details'], code = 200): Status {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  return { ...status, ...(details !== undefined && { details }), ...(code !== 200 && { code }) };
}
