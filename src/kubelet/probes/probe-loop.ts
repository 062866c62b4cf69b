/** One probe of one running container, again and again. */
import type { Probe } from '../../api/types.gen.ts';
import type { ProbeOutcome } from './probe-target.ts';

export type ProbeKind = 'readiness' | 'liveness' | 'startup';
export type ProbeResult = 'unknown' | 'success' | 'failure';

export interface ProbeLoopOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly initial: ProbeResult;
  /** When the container started, ms since 1970; the initial delay counts from there. */
  readonly startedAtMs: number;
  readonly attempt: () => Promise<ProbeOutcome>;
  /** Whether it is this probe's turn: not before the startup probe has succeeded. */
  readonly isDue: () => boolean;
  readonly onFailure: (output: string) => void;
  readonly onChange: (result: ProbeResult) => void;
}

export interface ProbeLoop {
  readonly result: ProbeResult;
  stop(): void;
}

/** Counts outcomes in a row; the result changes at the thresholds. Pure. */
export class ProbeCounter {
  result: ProbeResult;
  #ok: boolean | undefined;
  #inRow = 0;
  readonly #probe: Probe;

  constructor(probe: Probe, initial: ProbeResult) {
    this.#probe = probe;
    this.result = initial;
  }

  /** Returns whether the result changed. */
  add(ok: boolean): boolean {
    this.#inRow = this.#ok === ok ? this.#inRow + 1 : 1;
    this.#ok = ok;
    const needed = ok ? (this.#probe.successThreshold ?? 1) : (this.#probe.failureThreshold ?? 3);
    const next: ProbeResult = ok ? 'success' : 'failure';
    if (this.#inRow < needed || this.result === next) return false;
    this.result = next;
    return true;
  }
}

/** Starts at once (after the initial delay) and goes on until `stop`; a startup probe ends with its first success. */
export function startProbeLoop(options: ProbeLoopOptions): ProbeLoop {
  const { kind, probe, attempt, isDue, onFailure, onChange } = options;
  const counter = new ProbeCounter(probe, options.initial);
  const periodMs = Math.max(1, probe.periodSeconds ?? 10) * 1000;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const once = async (): Promise<void> => {
    if (isDue()) {
      const outcome = await attempt();
      // It may have been told to stop meanwhile.
      if (stopped) return;
      if (!outcome.ok) onFailure(outcome.output);
      if (counter.add(outcome.ok)) onChange(counter.result);
    }
    const over = kind === 'startup' && counter.result === 'success';
    // While it is not this probe's turn, look often: the turn comes with somebody else's success.
    if (!over && !stopped) schedule(isDue() ? periodMs : Math.min(periodMs, 1000));
  };
  const schedule = (ms: number): void => {
    timer = setTimeout(() => void once(), ms);
  };
  const firstAt = options.startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000;
  schedule(Math.max(0, firstAt - Date.now()));

  return {
    get result() {
      return counter.result;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
