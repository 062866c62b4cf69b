/** Telling that a create was refused only since its namespace is on its way out. */
import { ApiError } from '../../api/errors.ts';

/** Nothing to do then: what should have been created would be deleted at once. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
}
