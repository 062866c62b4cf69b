/** What a verb of the API rejects with, and the questions one may ask of it. */
import type { Status, StatusDetails } from './types.gen.ts';

/**
 * The server said no (or could not be reached: then `code` is 503 or 504 and `cause` is the socket's error). Ask by
 * predicate, never by text.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The Status as the server sent it. */
  readonly status: Status;
  /** The HTTP status code. */
  readonly code: number;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? `HTTP ${status.code ?? 500}`, options);
    this.status = status;
    this.code = status.code ?? 500;
  }
}

/** The facts of a refusal; `reason` is one of meta/v1's StatusReason words. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails;
}

/** A Failure Status from its facts. */
export function failureStatus({ code, reason, message, details }: Refusal): Status {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return details === undefined ? status : { ...status, details };
}

/** An ApiError from its facts. */
export function apiError(refusal: Refusal, options?: ErrorOptions): ApiError {
  return new ApiError(failureStatus(refusal), options);
}

function has(error: unknown, code: number, ...reasons: readonly string[]): boolean {
  if (!(error instanceof ApiError) || error.code !== code) return false;
  return reasons.length === 0 || reasons.includes(error.status.reason ?? '');
}

/** The object (or the resource) does not exist. */
export const isNotFound = (error: unknown): boolean => has(error, 404);
/** Somebody else wrote in between: read again and retry. */
export const isConflict = (error: unknown): boolean => has(error, 409, 'Conflict', '');
/** An object of this name is already there. */
export const isAlreadyExists = (error: unknown): boolean => has(error, 409, 'AlreadyExists');
/** The resourceVersion (or continue token) is too old: list again. */
export const isGone = (error: unknown): boolean => has(error, 410);
/** The caller may not do this. */
export const isForbidden = (error: unknown): boolean => has(error, 403);
/** The object breaks a rule of its kind; `status.details.causes` names the fields. */
export const isInvalid = (error: unknown): boolean => has(error, 422);
/** The server could not be reached, broke off, took too long, or is not ready: the same request may work later. */
export const isUnavailable = (error: unknown): boolean => has(error, 503) || has(error, 504);
