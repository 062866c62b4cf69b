/** Structured logs: one line an event, readable by people, on a stream that the caller chose. */

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same sink with fields added to every line. */
  with(fields: LogFields): Logger;
}

function text(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  if (typeof value === 'string') return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}

/** A logger that writes `2026-01-01T00:00:00.000Z INFO message key=value` lines to `write`. */
export function createLogger(write: (line: string) => void, fields: LogFields = {}): Logger {
  const log = (level: string, message: string, own: LogFields = {}): void => {
    const pairs = Object.entries({ ...fields, ...own }).map(([key, value]) => ` ${key}=${text(value)}`);
    write(`${new Date().toISOString()} ${level} ${message}${pairs.join('')}\n`);
  };
  return {
    info: (message, own) => log('INFO', message, own),
    warn: (message, own) => log('WARN', message, own),
    error: (message, own) => log('ERROR', message, own),
    with: (own) => createLogger(write, { ...fields, ...own }),
  };
}

/** Says nothing; for tests. */
export const silentLogger: Logger = createLogger(() => undefined);
