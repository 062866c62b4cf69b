/** Continue tokens: which snapshot a paged LIST reads, and where it goes on. */
import { badRequest } from '../errors.ts';

export interface Page {
  readonly revision: number;
  /** The last key of the page before. */
  readonly after: string;
}

export function encodePage({ revision, after }: Page, prefix: string): string {
  return Buffer.from(JSON.stringify({ v: 1, rv: revision, start: after.slice(prefix.length) })).toString('base64url');
}

/** Throws 400 for what we did not make. */
export function decodePage(token: string, prefix: string): Page {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown>;
    if (v === 1 && Number.isSafeInteger(rv) && typeof start === 'string') {
      return { revision: rv as number, after: prefix + start };
    }
  } catch {
    // Said below.
  }
  throw badRequest('continue key is not valid');
}
