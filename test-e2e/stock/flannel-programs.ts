/**
 * Flannel and its CNI plugin, unmodified, from their Go modules. PODWIRE_FLANNEL_BIN names a folder that holds both; without it they are
 * built, once. The plugin is the one that was part of containernetworking's own until 0.9: the module it has of its own is not everywhere.
 */
import { execa } from 'execa';
import { access, chmod, cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const flannel = 'github.com/flannel-io/flannel@v0.26.1';
const plugin = 'github.com/containernetworking/plugins/plugins/meta/flannel@v0.9.1';
const buildMs = 15 * 60_000;

const given = process.env['PODWIRE_FLANNEL_BIN'];
const cache = join(process.env['PODWIRE_CACHE'] ?? '/var/cache/podwire', 'flannel');

/** The folder of both programs. */
export const flannelFolder = given ?? join(cache, 'bin');

const isThere = (name: string): Promise<boolean> =>
  access(join(flannelFolder, name)).then(
    () => true,
    () => false,
  );

async function go(args: readonly string[], env: Record<string, string> = {}, cwd = cache): Promise<string> {
  return (await execa('go', args, { cwd, env, timeout: buildMs, stdin: 'ignore' })).stdout;
}

/** In a copy of its module, where its own go.sum says what its parts must be. */
async function buildDaemon(): Promise<void> {
  const source = join(cache, 'source');
  await rm(source, { recursive: true, force: true });
  const { Dir } = JSON.parse(await go(['mod', 'download', '-json', flannel])) as { Dir: string };
  await cp(Dir, source, { recursive: true });
  await execa('chmod', ['-R', 'u+w', source]);
  // Its udp backend is C.
  await go(['build', '-o', join(flannelFolder, 'flanneld'), '.'], { CGO_ENABLED: '1' }, source);
}

/** Why there is none, after it was tried to build; undefined when both programs are there. */
export async function whyNoFlannel(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces';
  if ((await isThere('flanneld')) && (await isThere('flannel'))) return undefined;
  if (given !== undefined) return `PODWIRE_FLANNEL_BIN=${given} holds no flanneld and flannel`;
  try {
    await mkdir(flannelFolder, { recursive: true });
    await go(['install', plugin], { CGO_ENABLED: '0', GOBIN: flannelFolder });
    await buildDaemon();
    await chmod(join(flannelFolder, 'flanneld'), 0o755);
    return undefined;
  } catch (error) {
    return `flannel cannot be built here: ${String(error).slice(0, 300)}`;
  }
}
