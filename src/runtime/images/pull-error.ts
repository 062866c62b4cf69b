/** `notFound`: no such image, tag or digest. `denied`: credentials are missing or wrong. `transient`: the same may work later. */
export type PullFailure = 'notFound' | 'denied' | 'transient' | 'other';

/** Why an image could not be had; the message names it and is meant for people. */
export class PullError extends Error {
  override readonly name = 'PullError';
  readonly failure: PullFailure;

  constructor(message: string, failure: PullFailure, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.failure = failure;
  }
}

/** The same error, its message led by what was being done. Anything unknown counts as `other`. */
export function pullErrorAt(what: string, error: unknown): PullError {
  const failure = error instanceof PullError ? error.failure : 'other';
  return new PullError(`${what}: ${error instanceof Error ? error.message : String(error)}`, failure, { cause: error });
}
