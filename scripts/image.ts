/**
 * Makes the image that `deploy/*.yaml` name: this program, Node, and the tools that it calls, all of this machine. Writes an OCI
 * archive, which `ctr -n k8s.io images import`, `docker load`, `skopeo copy oci-archive:FILE …` and `podwire image import` read.
 *
 *   scripts/image FILE                docker.io/podwire/podwire:VERSION
 */
import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createDirectExec } from '../src/kernel/run-process.ts';
import { packLayer, writeMadeImage, type LayerFile } from '../src/runtime/images/made-image.ts';
import { foldersOf, librariesOf, programLayers } from '../src/runtime/images/program-image.ts';
import manifest from '../package.json' with { type: 'json' };

/** What `network` and `proxy` call, but for what busybox is good enough for. */
const tools = [
  'bridge',
  'conntrack',
  'ip',
  'ipset',
  'mount',
  'nft',
  'nsenter',
  'setpriv',
  'socat',
  'sysctl',
  'tc',
  'umount',
  'xtables-legacy-multi',
  'xtables-nft-multi',
];
const applets = ['cat', 'grep', 'ls', 'mkdir', 'modprobe', 'readlink', 'rm', 'setsid', 'sh', 'touch', 'true'];
const tables = ['iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore'];
const [bin, legacyBin, start] = ['usr/sbin', 'usr/local/legacy', 'usr/local/bin/podwire'];

/**
 * Rules must go where those of the node's own iptables are. Each kubelet makes chains of KUBE-… by its own for others to tell by
 * (KEP-3178); tables that nobody uses are not asked for, since asking makes them.
 */
const startScript = `#!/bin/sh
if [ -s /proc/net/ip_tables_names ] && iptables-legacy-save 2>/dev/null | grep -q '^:KUBE-'; then
  PATH=/${legacyBin}:$PATH
fi
exec node /opt/podwire/podwire.mjs "$@"
`;

const file = async (from: string, path: string): Promise<LayerFile> => ({
  kind: 'file',
  path,
  mode: 0o755,
  content: await readFile(from),
});
const link = (path: string, target: string): LayerFile => ({ kind: 'link', path, mode: 0o755, target });

async function pathOf(tool: string): Promise<string> {
  const { stdout } = await execa('sh', ['-c', 'command -v "$1"', 'sh', tool], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  return stdout.trim();
}

/** What iptables loads by itself for matches and targets. */
async function extensions(): Promise<string[]> {
  const folders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((triple) => `/usr/lib/${triple}/xtables`);
  const found = await Promise.all(
    folders.map(async (folder) => (await readdir(folder).catch(() => [])).map((name) => join(folder, name))),
  );
  return found.flat().filter((path) => path.endsWith('.so'));
}

async function toolFiles(): Promise<LayerFile[]> {
  const paths = await Promise.all(tools.map(pathOf));
  const loaded = await extensions();
  const { stdout } = await execa('ldd', [...paths, ...loaded], { reject: false });
  const libraries = [...new Set([...librariesOf(stdout), ...loaded])];
  return Promise.all([
    ...paths.map((path) => file(path, join(bin, basename(path)))),
    ...libraries.map((path) => file(path, path.slice(1))),
    file(await pathOf('busybox'), 'bin/busybox'),
  ]);
}

function linkFiles(): LayerFile[] {
  const called = (name: string, variant: string): string => name.replace('tables', `tables-${variant}`);
  const each = tables.flatMap((name) => [
    link(`${bin}/${name}`, `${bin}/xtables-nft-multi`),
    link(`${bin}/${called(name, 'nft')}`, `${bin}/xtables-nft-multi`),
    link(`${bin}/${called(name, 'legacy')}`, `${bin}/xtables-legacy-multi`),
    link(`${legacyBin}/${name}`, `${bin}/xtables-legacy-multi`),
  ]);
  return [...each, ...applets.map((name) => link(`bin/${name}`, 'bin/busybox'))];
}

async function toolLayer(): Promise<Buffer> {
  const own = await toolFiles();
  const files: LayerFile[] = [
    ...own,
    { kind: 'file', path: start, mode: 0o755, content: startScript },
    // A container runtime names namespaces by this path.
    { kind: 'symlink', path: 'var/run', mode: 0o777, target: '/run' },
    ...linkFiles(),
  ];
  return packLayer([...foldersOf([...files.map(({ path }) => path), 'run/.', 'tmp/.', 'lib/modules/.']), ...files]);
}

/** The bundle's program, made when a source has changed. */
async function program(): Promise<string> {
  const { stdout } = await execa(process.execPath, [join(import.meta.dirname, 'bundle.ts')]);
  return stdout.trim();
}

async function main(target: string): Promise<void> {
  const script = await program();
  const folder = dirname(script);
  const parts = { exec: createDirectExec(), node: process.execPath, folder };
  const layers = [await toolLayer(), ...(await programLayers(parts))];
  const name = `docker.io/podwire/podwire:${manifest.version}`;
  const config = { Env: [`PATH=/usr/local/bin:/${bin}:/bin`], Entrypoint: [`/${start}`] };
  const place = await mkdtemp(join(tmpdir(), 'podwire-image-'));
  try {
    await writeMadeImage(place, { names: [name], layers, config });
    await execa('tar', ['--create', `--file=${resolve(target)}`, `--directory=${place}`, '.']);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  console.log(name);
}

const [, , target] = process.argv;
if (target === undefined) {
  console.error('scripts/image FILE: where the OCI archive is to go');
  process.exit(2);
}
await main(target);
