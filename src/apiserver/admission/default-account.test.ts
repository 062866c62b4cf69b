import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { silentLogger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import type { Store } from '../../store/contract.ts';
import { openEmbeddedStore } from '../../store/embedded/index.ts';
import { configMapRow } from '../resources/config-maps.ts';
import { podRow } from '../resources/pods.ts';
import { asRow } from '../resources/row.ts';
import { createLookup } from '../storage/lookup.ts';
import { createPatience, type Patience } from './default-account.ts';

const row = asRow(podRow);
const pod = (namespace: string, serviceAccountName?: string): Pod => ({
  metadata: { name: 'web', namespace },
  spec: { containers: [], ...(serviceAccountName !== undefined && { serviceAccountName }) },
});

describe('a pod that comes before the account of its namespace', () => {
  let folder: string;
  let store: Store;
  let patience: Patience;

  const put = (key: string, object: object): Promise<unknown> => store.put(key, Buffer.from(JSON.stringify(object)), 0);
  const addNamespace = (name: string, phase: string): Promise<unknown> =>
    put(`/registry/core/namespaces/${name}`, { metadata: { name }, status: { phase } });
  const addAccount = (namespace: string, name: string): Promise<unknown> =>
    put(`/registry/core/serviceaccounts/${namespace}/${name}`, { metadata: { name, namespace } });
  /** Whether it is over within some turns of the loop. */
  const isOver = async (waiting: Promise<void>): Promise<boolean> => {
    const pause = new Promise<false>((resolve) => setTimeout(resolve, 30, false));
    return Promise.race([waiting.then(() => true), pause]);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podwire-patience-'));
    store = await openEmbeddedStore({ path: join(folder, 'store'), logger: silentLogger });
    await addNamespace('old', 'Terminating');
    await addNamespace('lone', 'Active');
  });
  beforeEach(() => {
    patience = createPatience(store, createLookup(store), 60_000);
  });
  after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  it('waits until it is there, and another account does not count', async () => {
    await addNamespace('shop', 'Active');
    const waiting = Promise.all([patience(row, pod('shop')), patience(row, pod('shop', 'default'))]).then(() => {});
    await addAccount('shop', 'default2');
    assert.equal(await isOver(waiting), false);
    await addAccount('shop', 'default');
    assert.equal(await isOver(waiting), true);
    assert.equal(await isOver(patience(row, pod('shop'))), true);
  });

  it('waits no longer than the time it is given', async () => {
    const begin = performance.now();
    await createPatience(store, createLookup(store), 50)(row, pod('lone'));
    assert.ok(performance.now() - begin >= 45);
  });

  const others: readonly [string, () => Promise<void>][] = [
    ['where there is no such namespace', () => patience(row, pod('nowhere'))],
    ['where the namespace is on its way out', () => patience(row, pod('old'))],
    ['for an account that nobody makes by itself', () => patience(row, pod('lone', 'robot'))],
    ['when it is not a pod', () => patience(asRow(configMapRow), pod('lone'))],
    [
      'when it is a mirror pod',
      () =>
        patience(row, {
          ...pod('lone'),
          metadata: { name: 'web', namespace: 'lone', annotations: { 'kubernetes.io/config.mirror': 'hash' } },
        }),
    ],
  ];
  for (const [what, run] of others) {
    it(`does not wait ${what}`, async () => assert.equal(await isOver(run()), true));
  }
});
