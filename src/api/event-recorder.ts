/** Events: what happened to an object, for people (`kubectl describe`). Best effort: never throws, never waits. */
import type { ApiClient, KubeObject } from './client.ts';
import { isNotFound } from './errors.ts';
import type { Logger } from './logger.ts';
import { events } from './resources.ts';
import { formatTime } from './time.ts';
import type { Event, ObjectReference } from './types.gen.ts';

export type EventType = 'Normal' | 'Warning';
export type EventSubject = KubeObject & { kind: string; apiVersion: string };

export interface EventRecorder {
  /** The same event about the same object again raises `count` of the first. */
  event(object: EventSubject, type: EventType, reason: string, message: string): void;
}

export interface EventRecorderOptions {
  /** Who speaks: `kubelet`, `scheduler`, … */
  readonly component: string;
  /** The node, where there is one. */
  readonly host?: string;
  readonly logger: Logger;
}

/** Different events remembered, so that a repeat finds its first. */
const maxRemembered = 4096;
/** Writes under way at once; an event above that is dropped. */
const maxInFlight = 256;
/** The API refuses a longer message. */
const maxMessage = 1024;

/** One event that has been seen `count` times, of which the server knows `written`. */
interface Series {
  readonly event: Event;
  count: number;
  written: number;
  lastSeen: Date;
  writing: boolean;
}

function referenceTo(object: EventSubject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    apiVersion: object.apiVersion,
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

let lastStamp = 0n;
/** Nanoseconds since 1970 in hex, as the field has it; never the same twice in one process. */
function stamp(): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  lastStamp = now > lastStamp ? now : lastStamp + 1n;
  return lastStamp.toString(16);
}

function newEvent(
  object: EventSubject,
  facts: Pick<Event, 'type' | 'reason' | 'message'>,
  { component, host }: EventRecorderOptions,
  now: Date,
): Event {
  const name = `${(object.metadata.name ?? '').slice(0, 230)}.${stamp()}`;
  return {
    metadata: { name, namespace: object.metadata.namespace ?? 'default' },
    involvedObject: referenceTo(object),
    ...facts,
    source: { component, ...(host === undefined ? {} : { host }) },
    firstTimestamp: formatTime(now),
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}

/** Writes go straight to the server, one at a time for each event; repeats meanwhile are counted and written as one. */
export function createEventRecorder(client: ApiClient, options: EventRecorderOptions): EventRecorder {
  const remembered = new Map<string, Series>();
  let inFlight = 0;

  const create = async (series: Series): Promise<void> => {
    const count = series.count;
    await client.create(events, { ...series.event, count, lastTimestamp: formatTime(series.lastSeen) });
    series.written = count;
  };

  const raise = async (series: Series): Promise<void> => {
    const { count, event } = series;
    const key = { namespace: event.metadata.namespace ?? '', name: event.metadata.name ?? '' };
    const patch = { count, lastTimestamp: formatTime(series.lastSeen) };
    try {
      await client.patch(events, key, patch, { type: 'merge' });
      series.written = count;
    } catch (error) {
      // The server lets events go after a while.
      if (!isNotFound(error)) throw error;
      await create(series);
    }
  };

  const write = async (key: string, series: Series): Promise<void> => {
    series.writing = true;
    inFlight += 1;
    try {
      while (series.written < series.count) await (series.written === 0 ? create(series) : raise(series));
    } catch (error) {
      if (series.written === 0) remembered.delete(key);
      const { reason, message } = series.event;
      options.logger.warn('an event was not written', { reason, event: message, error: String(error) });
    } finally {
      series.writing = false;
      inFlight -= 1;
    }
  };

  return {
    event(object, type, reason, message) {
      const now = new Date();
      const text = message.slice(0, maxMessage);
      const { namespace, name, uid } = object.metadata;
      const key = JSON.stringify([object.kind, namespace, name, uid, type, reason, text]);
      const series = remembered.get(key) ?? {
        event: newEvent(object, { type, reason, message: text }, options, now),
        count: 0,
        written: 0,
        lastSeen: now,
        writing: false,
      };
      series.count += 1;
      series.lastSeen = now;
      remembered.delete(key);
      remembered.set(key, series);
      const oldest = remembered.size > maxRemembered ? remembered.keys().next().value : undefined;
      if (oldest !== undefined) remembered.delete(oldest);
      if (series.writing) return;
      if (inFlight < maxInFlight) void write(key, series);
      else options.logger.warn('too many events at once; one was dropped', { reason, event: text });
    },
  };
}
