/**
 * One round of pod figures against one API server, as one JSON line:
 *
 *   node bench/pod-figures.ts KUBECONFIG IMAGE SERIAL BURST
 *
 * SERIAL pods one after another (create → Ready, delete → gone), then BURST at once.
 */
import { BenchPods, together } from './bench-pods.ts';
import { summarise } from './figures.ts';

const [kubeconfig = '', image = '', serial = '20', burst = '50'] = process.argv.slice(2);
const pods = new BenchPods(kubeconfig, image, 120_000);
await pods.begin();
const created: number[] = [];
const deleted: number[] = [];
for (let i = 0; i < Number(serial); i++) {
  created.push(await pods.create(`serial-${i}`));
  deleted.push(await pods.remove(`serial-${i}`));
}
const names = Array.from({ length: Number(burst) }, (_, i) => `burst-${i}`);
const allReady = await together(names, (name) => pods.create(name));
const allGone = await together(names, (name) => pods.remove(name));
await pods.end();
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
