/**
 * Many pods, for bench/density.ts, which says when:
 *
 *   node bench/density-pods.ts KUBECONFIG IMAGE PODS
 *
 * Creates them, prints {"ready": MS}; takes them away when its input ends, and prints {"gone": MS}.
 */
import { once } from 'node:events';
import { BenchPods, together } from './bench-pods.ts';

const [kubeconfig = '', image = '', count = '90'] = process.argv.slice(2);
const pods = new BenchPods(kubeconfig, image, 580_000);
await pods.begin();
const names = Array.from({ length: Number(count) }, (_, i) => `dense-${i}`);
console.log(JSON.stringify({ ready: Math.round(await together(names, (name) => pods.create(name))) }));
process.stdin.resume();
await once(process.stdin, 'end');
console.log(JSON.stringify({ gone: Math.round(await together(names, (name) => pods.remove(name))) }));
await pods.end();
