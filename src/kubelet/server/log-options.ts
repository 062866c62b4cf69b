/** The query of a request for logs. */
import { HttpError } from './errors.ts';

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Lines before this moment (ms since 1970) are left out. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly streams: readonly ('stdout' | 'stderr')[];
}

function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && !['', '0', 'false'].includes(value.toLowerCase());
}

function count(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < least)
    throw new HttpError(400, `${name} must be a whole number of at least ${least}`);
  return value;
}

function since(query: URLSearchParams, nowMs: number): number | undefined {
  const seconds = count(query, 'sinceSeconds', 1);
  const time = query.get('sinceTime');
  if (seconds !== undefined && time !== null)
    throw new HttpError(400, 'at most one of sinceTime or sinceSeconds may be specified');
  if (seconds !== undefined) return nowMs - seconds * 1000;
  if (time === null || time === '') return undefined;
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw new HttpError(400, 'sinceTime is not a time');
  return at;
}

/** Throws 400 for what the API does not allow. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const stream = query.get('stream') ?? 'All';
  const streams = { All: ['stdout', 'stderr'], Stdout: ['stdout'], Stderr: ['stderr'] } as const;
  if (!(stream in streams)) throw new HttpError(400, 'stream must be All, Stdout or Stderr');
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    tailLines: count(query, 'tailLines', 0),
    sinceMs: since(query, nowMs),
    limitBytes: count(query, 'limitBytes', 1),
    streams: streams[stream as keyof typeof streams],
  };
}
