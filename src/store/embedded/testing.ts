/** What the tests of this folder share: a folder that goes away, a store in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../api/logger.ts';
import type { Store } from '../contract.ts';
import { openEmbeddedStore, type EmbeddedStoreOptions } from './index.ts';

export interface Place extends AsyncDisposable {
  /** The store's file. */
  readonly path: string;
  /** Opens the store; it is closed with the place. */
  open(options?: Partial<EmbeddedStoreOptions>): Promise<Store>;
}

/** A throw-away folder for one test. */
export async function temporaryPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'podwire-store-'));
  const path = join(folder, 'store');
  const stores: Store[] = [];
  return {
    path,
    open: async (options = {}) => {
      const store = await openEmbeddedStore({ path, logger: silentLogger, ...options });
      stores.push(store);
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of stores) await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** All keys under `/` with their values as text. */
export async function contents(store: Store): Promise<Record<string, string>> {
  const { items } = await store.range('/');
  return Object.fromEntries(items.map(({ key, value }) => [key, value.toString()]));
}

/** Resolves with the first `count` events `listen` reports, as `type key@revision`. */
export function firstEvents(store: Store, prefix: string, after: number, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const seen: string[] = [];
    const stop = store.watch(prefix, after, (events) => {
      for (const { type, key, revision } of events) seen.push(`${type} ${key}@${revision}`);
      if (seen.length < count) return;
      stop();
      resolve(seen);
    });
  });
}
