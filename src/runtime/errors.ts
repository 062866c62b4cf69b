/** Why a verb of the runtime did not do what was asked; the message names the pod or container. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  /** Of a command that could not be started: 126 when it may not be executed, 127 when it is not there, as shells have it. */
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly exitCode?: number; readonly timedOut?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode;
    this.timedOut = options.timedOut ?? false;
  }
}

/** There is no such pod sandbox or container. */
export class NotFoundError extends RuntimeError {}

/** Any error in a few words for a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
