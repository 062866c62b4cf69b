/** Whether somebody else touched our tables: told by the kernel's notices, which carry who wrote. */
import type { Logger } from '../api/logger.ts';
import type { Exec } from './exec.ts';
import { watchNft, type NftNotice } from './nft-events.ts';
import type { TableName } from './nft.ts';

/** Reads what was touched. Never rejects; what it returns is waited for. */
export type OnTouched = () => unknown;

export interface TouchWatchOptions {
  readonly exec: Exec;
  readonly tables: readonly TableName[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Whether it was us, or is no concern of ours; it may take until a commit of ours is over to know. */
  isOurs(notice: NftNotice): boolean | Promise<boolean>;
}

export interface TouchWatch {
  /** `onTouched` reads what was touched; it is not called again before that is done, and for a while after: see `restFactor`. */
  start(onTouched: OnTouched): void;
  /** Notices are listened to, and none was of somebody else since `clear`. */
  isQuiet(): boolean;
  clear(): void;
}

/** A flush sends a notice for each chain and map: they are taken together. */
const gatherMs = 20;
/**
 * Somebody who writes all the time must not have us read all the time: what took T is done again after nine times T at the earliest, a
 * tenth of one processor. What comes after a quiet while is read at once.
 */
const restFactor = 9;
/** The kernel lost notices, or socat was ended: it is started again. */
const restartAfterMs = 500;

/** Nobody listens before `start`. */
export function createTouchWatch(options: TouchWatchOptions): TouchWatch {
  const { exec, tables, logger, signal } = options;
  let isListening = false;
  let isTouched = false;
  let isDue = false;
  let onTouched: OnTouched = () => undefined;
  let restUntil = 0;
  const look = async (): Promise<void> => {
    isDue = false;
    if (signal.aborted) return;
    restUntil = Number.POSITIVE_INFINITY;
    const started = performance.now();
    await onTouched();
    const ended = performance.now();
    restUntil = ended + (ended - started) * restFactor;
    if (isDue) schedule();
  };
  const schedule = (): void => {
    const waitMs = Math.max(gatherMs, restUntil - performance.now());
    setTimeout(() => void look(), waitMs).unref();
  };
  const touch = (): void => {
    isTouched = true;
    if (isDue) return;
    isDue = true;
    // Who reads now asks again when it is done.
    if (restUntil !== Number.POSITIVE_INFINITY) schedule();
  };
  const judge = async (notice: NftNotice): Promise<void> => {
    const isOurs = options.isOurs(notice);
    if (isOurs !== true && !(await isOurs)) touch();
  };
  const listen = async (): Promise<void> => {
    const child = await watchNft({
      exec,
      tables,
      signal,
      onNotice: (notice) => void judge(notice),
      onLost: (reason) => {
        isListening = false;
        logger.warn('notices about nftables may have been missed, the table will be read', { reason });
        setTimeout(() => void (signal.aborted ? undefined : listen()), restartAfterMs).unref();
      },
    });
    if (child === undefined)
      return logger.warn('nobody tells when others change nftables: install socat, until then an audit finds it', {});
    isListening = true;
    // What was changed before somebody listened is found by reading.
    touch();
  };
  return {
    start: (callback) => {
      onTouched = callback;
      if (!signal.aborted) void listen();
    },
    isQuiet: () => isListening && !isTouched,
    clear: () => {
      isTouched = false;
    },
  };
}
