/**
 * scripts/bench proxy: the Service proxy beside kube-proxy, one contender after the other on the same data, by an external
 * harness that the caller names:
 *
 *   PODWIRE_BENCH_PROXY=/path/kpscale.mjs   `up`, `seed N E`, `measure --c … --t … --out FILE [--contender NAME=COMMAND]`, `down`
 *   PODWIRE_BENCH_SIZES='100x2 1000x2'      Services x endpoints, the default
 *   PODWIRE_BENCH_PEERS='iptables,legacy,nftables'   names that the harness knows
 *   PODWIRE_BENCH_MODES='iptables,iptables-legacy,nftables'   ours
 *   PODWIRE_BENCH_PHASES='cold,latency,change,create,churn'
 *   PODWIRE_BENCH_CLUSTER_CIDR=10.96.0.0/14  pods of the harness
 *   PODWIRE_BENCH_OUT=FILE                   raw results as JSON lines; a temporary file without it
 */
import { execa } from 'execa';
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proxyTable, type Measured } from './proxy-figures.ts';

const { env } = process;
const harness = env['PODWIRE_BENCH_PROXY'];
if (harness === undefined) {
  console.error('PODWIRE_BENCH_PROXY must name the harness (see bench/proxy.ts)');
  process.exit(2);
}
const words = (name: string, standard: string): string[] => (env[name] ?? standard).split(/[\s,]+/).filter(Boolean);
const sizes = words('PODWIRE_BENCH_SIZES', '100x2 1000x2');
const peers = words('PODWIRE_BENCH_PEERS', 'iptables,legacy,nftables');
const modes = words('PODWIRE_BENCH_MODES', 'iptables,iptables-legacy,nftables');
const phases = words('PODWIRE_BENCH_PHASES', 'cold,latency,change,create,churn');
const clusterCIDR = env['PODWIRE_BENCH_CLUSTER_CIDR'] ?? '10.96.0.0/14';
const folder = mkdtempSync(join(tmpdir(), 'bench-proxy-'));
const out = env['PODWIRE_BENCH_OUT'] ?? join(folder, 'results.jsonl');
const root = join(import.meta.dirname, '..');

/** A folder whose iptables is the legacy one. */
function legacyPath(): string {
  for (const name of ['iptables', 'ip6tables'])
    for (const kind of ['', '-save', '-restore'])
      symlinkSync(`/usr/sbin/${name}-legacy${kind}`, join(folder, `${name}${kind}`));
  return folder;
}

const { stdout: bundle } = await execa(process.execPath, [join(root, 'scripts/bundle.ts')]);
const legacy = modes.includes('iptables-legacy') ? legacyPath() : '';

/** `podwire-MODE`, and the command that the harness runs for it. */
const ours = modes.map((mode) => {
  const path = mode === 'iptables-legacy' ? `env PATH=${legacy}:$PATH ` : '';
  const proxy = `${process.execPath} ${bundle.trim()} proxy --kubeconfig {kubeconfig} --hostname-override {node}`;
  const flags = `--cluster-cidr ${clusterCIDR} --proxy-mode ${mode.replace('-legacy', '')}`;
  return { name: `podwire-${mode}`, command: `${path}${proxy} ${flags}` };
});

async function run(...argv: readonly string[]): Promise<void> {
  await execa(process.execPath, [harness ?? '', ...argv], { stdio: ['ignore', 'inherit', 'inherit'] });
}

await run('up');
try {
  for (const size of sizes) {
    const [services = '', endpoints = ''] = size.split('x');
    await run('seed', services, endpoints);
    const contenders = ours.flatMap(({ name, command }) => ['--contender', `${name}=${command}`]);
    const names = [...ours.map(({ name }) => name), ...peers].join(',');
    await run('measure', ...contenders, '--c', names, '--t', phases.join(','), '--out', out);
  }
} finally {
  await run('down');
}
const rows = readFileSync(out, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Measured);
console.log(proxyTable(rows));
console.log(JSON.stringify(rows));
