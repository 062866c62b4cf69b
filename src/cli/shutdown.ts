/** How a long-running command ends. */

/** Aborted by SIGTERM or SIGINT; a second one ends the process at once. */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const end = (): void => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  return controller.signal;
}
