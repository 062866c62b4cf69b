/**
 * One round of pod figures against one API server, as one JSON line:
 *
 *   node bench/pod-figures.ts KUBECONFIG IMAGE SERIAL BURST
 *
 * SERIAL pods one after another (create → Ready, delete → gone), then BURST at once. Seen through one watch.
 */
import { readFileSync } from 'node:fs';
import { createApiClient } from '../src/api/http-client.ts';
import { parseKubeconfig } from '../src/api/kubeconfig.ts';
import { namespaces, pods, serviceAccounts } from '../src/api/resources.ts';
import { isAlreadyExists } from '../src/api/errors.ts';
import type { Pod } from '../src/api/types.gen.ts';
import { summarise } from './figures.ts';

const NAMESPACE = 'bench';
const [kubeconfig = '', image = '', serial = '20', burst = '50'] = process.argv.slice(2);
const client = createApiClient(parseKubeconfig(readFileSync(kubeconfig, 'utf8'), (path) => readFileSync(path, 'utf8')));
const stop = new AbortController();
const seen = new Map<string, number>();
const waiting = new Map<string, () => void>();

function note(moment: string): void {
  if (seen.has(moment)) return;
  seen.set(moment, performance.now());
  waiting.get(moment)?.();
}

async function until(moment: string): Promise<number> {
  if (!seen.has(moment)) {
    await new Promise<void>((resolve, reject) => {
      waiting.set(moment, resolve);
      setTimeout(() => reject(new Error(`not within 120 s: ${moment}`)), 120_000).unref();
    });
  }
  return seen.get(moment) ?? Number.NaN;
}

async function follow(resourceVersion: string | undefined): Promise<void> {
  const options = {
    namespace: NAMESPACE,
    signal: stop.signal,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  for await (const { type, object } of client.watch(pods, options)) {
    const name = object.metadata.name ?? '';
    if (type === 'DELETED') note(`gone ${name}`);
    else if (object.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'))
      note(`ready ${name}`);
  }
}

/** As pause does. Without a handler process 1 would wait for its KILL, and with no grace the API lets a pod go before its node does. */
const endsAtTerm = ['sh', '-c', 'trap exit TERM; sleep 1000000 & wait'];

const pod = (name: string): Pod => ({
  metadata: { name, namespace: NAMESPACE },
  spec: {
    containers: [
      {
        name: 'c',
        image,
        imagePullPolicy: 'IfNotPresent',
        ...(image.includes('pause') ? {} : { command: endsAtTerm }),
      },
    ],
    terminationGracePeriodSeconds: 30,
  },
});

async function prepare(): Promise<void> {
  await client.create(namespaces, { metadata: { name: NAMESPACE } }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
  for (let tries = 0; tries < 100; tries++) {
    const found = await client.get(serviceAccounts, { namespace: NAMESPACE, name: 'default' }).catch(() => undefined);
    if (found !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function create(name: string): Promise<number> {
  const start = performance.now();
  await client.create(pods, pod(name));
  return (await until(`ready ${name}`)) - start;
}

async function remove(name: string): Promise<number> {
  const start = performance.now();
  await client.delete(pods, { namespace: NAMESPACE, name });
  return (await until(`gone ${name}`)) - start;
}

async function together(names: readonly string[], work: (name: string) => Promise<number>): Promise<number> {
  const start = performance.now();
  await Promise.all(names.map(work));
  return performance.now() - start;
}

await prepare();
const following = follow((await client.list(pods, { namespace: NAMESPACE, limit: 1 })).metadata.resourceVersion).catch(
  () => undefined,
);
const created: number[] = [];
const deleted: number[] = [];
for (let i = 0; i < Number(serial); i++) {
  created.push(await create(`serial-${i}`));
  deleted.push(await remove(`serial-${i}`));
}
const names = Array.from({ length: Number(burst) }, (_, i) => `burst-${i}`);
const allReady = await together(names, create);
const allGone = await together(names, remove);
stop.abort();
await following;
client.close();
const [up, down] = [summarise(created), summarise(deleted)];
console.log(
  JSON.stringify({
    'create → Ready, p50 ms': up.p50,
    'create → Ready, p95 ms': up.p95,
    'create → Ready, p99 ms': up.p99,
    'delete → gone, p50 ms': down.p50,
    'delete → gone, p95 ms': down.p95,
    [`${burst} at once, all Ready, ms`]: Math.round(allReady),
    [`${burst} at once, all gone, ms`]: Math.round(allGone),
  }),
);
