/** What a person reads when a command fails. */
import { ApiError } from '../api/errors.ts';
import { CertificateRefused } from '../kubelet/certificates/request-certificate.ts';
import { CommandError } from '../kernel/exec.ts';
import { LabError } from '../lab/index.ts';
import { ProxyModeError } from '../proxy/choose-mode.ts';
import { RuntimeError } from '../runtime/errors.ts';
import { PullError } from '../runtime/images/pull-error.ts';

/** Something to be corrected in the command itself. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something about this machine or its cluster that a person must put right. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/**
 * What yargs could not take. What a flag's own reader throws comes as an error of yargs' with its message alone; any other error is
 * not about the command's words and stays what it is.
 */
export function typedWrong(message: string, error: Error | undefined): Error {
  if (error !== undefined && error.name !== 'YError') return error;
  return new UsageError(`${error?.message ?? message} (podwire --help, podwire COMMAND --help)`);
}

/** A message for expected failures; for the others the stack as well, since they are ours to mend. */
export function explain(error: unknown): string {
  if (
    [
      LabError,
      UsageError,
      MachineError,
      CertificateRefused,
      ApiError,
      CommandError,
      PullError,
      RuntimeError,
      ProxyModeError,
    ].some((kind) => error instanceof kind)
  )
    return (error as Error).message;
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return `${error.message} (only root may: sudo)`;
  return error.stack ?? error.message;
}

/** 2 for a command that was typed wrong, 1 for all else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? 2 : 1;
}
