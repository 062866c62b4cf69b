/** Answers of other servers, kept as long as they say, as bytes. */
import { readResponse } from '../wire/read-response.ts';

export interface AnswerCache {
  /** With the asker's ID and TTLs that have grown shorter; undefined when it is not there or too old. */
  get(key: string, id: number): Buffer | undefined;
  put(key: string, answer: Buffer): void;
  readonly size: number;
}

interface Entry {
  readonly message: Buffer;
  readonly ttlOffsets: readonly number[];
  readonly storedAt: number;
  readonly keepMs: number;
}

/** No answer is kept longer, whatever it says. */
const longestSeconds = 3_600;
const longestNegativeSeconds = 30;

/** Of `capacity` answers at most: the one that came first goes first. `now` in ms. */
export function createAnswerCache(capacity: number, now: () => number = Date.now): AnswerCache {
  const entries = new Map<string, Entry>();
  return {
    get size() {
      return entries.size;
    },
    get: (key, id) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const age = now() - entry.storedAt;
      if (age >= entry.keepMs) {
        entries.delete(key);
        return undefined;
      }
      const message = Buffer.from(entry.message);
      message.writeUInt16BE(id, 0);
      const seconds = Math.floor(age / 1000);
      for (const at of entry.ttlOffsets) message.writeUInt32BE(Math.max(0, message.readUInt32BE(at) - seconds), at);
      return message;
    },
    put: (key, answer) => {
      const facts = readResponse(answer);
      if (facts === undefined || facts.keepSeconds === 0) return;
      const longest = facts.counts[0] === 0 ? longestNegativeSeconds : longestSeconds;
      entries.delete(key);
      if (entries.size >= capacity) for (const oldest of entries.keys()) if (entries.delete(oldest)) break;
      const keepMs = Math.min(facts.keepSeconds, longest) * 1000;
      entries.set(key, { message: answer, ttlOffsets: facts.ttlOffsets, storedAt: now(), keepMs });
    },
  };
}
