/**
 * The frames of an exec over WebSocket: the first byte of a message is its channel (`v4.channel.k8s.io`); in
 * `v5.channel.k8s.io` (KEP-4006) a message `255 N` closes channel N.
 */
import type { Status } from '../../api/types.gen.ts';

export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Of old clients: its error channel has plain words, and none after success. */
export const plainProtocol = 'channel.k8s.io';

/** Newest first. */
export const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', plainProtocol];

export type ClientFrame =
  | { readonly kind: 'stdin'; readonly data: Buffer }
  | { readonly kind: 'closeStdin' }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'ignored' };

/** A size that a terminal can have. */
function size(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536 ? value : undefined;
}

function parseResize(text: string): ClientFrame {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    const columns = size(Width);
    const rows = size(Height);
    return columns === undefined || rows === undefined ? { kind: 'ignored' } : { kind: 'resize', columns, rows };
  } catch {
    return { kind: 'ignored' };
  }
}

/** What a message of the client means. Anything else than these is ignored. */
export function parseClientFrame(message: Buffer): ClientFrame {
  const data = message.subarray(1);
  switch (message[0]) {
    case channels.stdin:
      return data.length === 0 ? { kind: 'ignored' } : { kind: 'stdin', data };
    case channels.resize:
      return parseResize(data.toString('utf8'));
    case channels.close:
      return data[0] === channels.stdin ? { kind: 'closeStdin' } : { kind: 'ignored' };
    default:
      return { kind: 'ignored' };
  }
}

/** One message of ours. */
export function frame(channel: number, data: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from([channel]), typeof data === 'string' ? Buffer.from(data) : data]);
}

/** What stands on the error channel when the command ended. */
export function exitStatus(exitCode: number): Status {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** A status as this protocol has it on the error channel; undefined when it has nothing to say. */
export function statusFrame(protocol: string, status: Status): Buffer | undefined {
  if (protocol !== plainProtocol) return frame(channels.error, JSON.stringify(status));
  return status.status === 'Success' ? undefined : frame(channels.error, status.message ?? '');
}

/** What stands there when it could not be run, or broke off. */
export function failedStatus(message: string): Status {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    code: 500,
  };
}
