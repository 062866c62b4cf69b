/** A registry of Debian's on a loopback port, and images to push there. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { startProcess } from '../../src/kernel/start-process.ts';

const exec = createDirectExec();

/** By htpasswd(1): `puller`, `right horse`. */
export const credentials = { username: 'puller', password: 'right horse' };
const htpasswd = 'puller:$2y$05$nrA642TtktXPem9yHK0EOOstx0wnC9ADiJh2LYgN0AUrZE/wd0U8G\n';

export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Pushes the image of an OCI layout under `path:tag`, by skopeo. */
  push(layout: string, name: string, ...options: string[]): Promise<void>;
  close(): Promise<void>;
}

function program(): string {
  const cache = process.env['PODWIRE_CACHE'] ?? '/var/cache/podwire';
  const path = join(cache, 'docker-registry/usr/bin/docker-registry');
  try {
    accessSync(path);
    return path;
  } catch {
    return 'docker-registry';
  }
}

export async function startRegistry(folder: string, options: { readonly auth: boolean }): Promise<Registry> {
  await mkdir(folder, { recursive: true });
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(join(folder, 'htpasswd'), htpasswd);
  const auth = options.auth ? `auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}\n` : '';
  await writeFile(
    join(folder, 'config.yml'),
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}/data}}\nhttp: {addr: "${host}"}\n${auth}`,
  );
  const server = await startProcess({ argv: [program(), 'serve', join(folder, 'config.yml')] });
  server.stdout.resume();
  server.stderr?.resume();
  try {
    await answers(`http://${host}/v2/`);
  } catch (error) {
    // Else it would keep this process, and nobody would hear of the failure.
    server.kill('SIGKILL');
    throw error;
  }
  return {
    host,
    push: async (layout, name, ...more) => {
      const who = options.auth ? [`--dest-creds=${credentials.username}:${credentials.password}`] : [];
      const target = `docker://${host}/${name}`;
      const argv = [
        'skopeo',
        'copy',
        '--insecure-policy',
        '--all',
        '--dest-tls-verify=false',
        ...who,
        ...more,
      ] as const;
      await exec.run({ argv: [...argv, `oci:${layout}`, target] as unknown as [string] });
    },
    close: async () => {
      server.kill('SIGKILL');
      await server.ended;
    },
  };
}

async function answers(url: string): Promise<void> {
  // Its program may come from a disk that is busy.
  for (let left = 2_400; ; left--) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(25);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return address.port;
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

export interface LayoutFacts {
  /** Of the config: what the image's ID must be. */
  readonly id: string;
  /** Of the manifest for this machine, and of the index above it. */
  readonly manifestDigest: string;
  readonly indexDigest: string;
}

/** An OCI layout with an index of two platforms; each text is a layer with one file `/layerN`. */
export async function writeLayout(folder: string, layers: readonly (string | Buffer)[]): Promise<LayoutFacts> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (content: Buffer | string, mediaType: string): Promise<{ digest: string; size: number }> => {
    await writeFile(join(blobs, sha256(content)), content);
    const facts = { mediaType, digest: `sha256:${sha256(content)}`, size: Buffer.byteLength(content) };
    return facts;
  };
  const tars = await Promise.all(
    layers.map(async (content, at) => {
      const archive = pack();
      archive.entry({ name: `layer${at}`, mode: 0o755, mtime: new Date(0) }, content as string);
      archive.finalize();
      return buffer(archive);
    }),
  );
  const type = (name: string): string => `application/vnd.oci.image.${name}`;
  const stored = await Promise.all(tars.map((tar) => put(gzipSync(tar), type('layer.v1.tar+gzip'))));
  const machine = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const manifest = async (architecture: string): Promise<{ id: string; entry: { digest: string } }> => {
    const config = await put(
      JSON.stringify({
        architecture,
        os: 'linux',
        config: { Cmd: ['/layer0'] },
        rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) },
      }),
      type('config.v1+json'),
    );
    const entry = await put(
      JSON.stringify({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config, layers: stored }),
      type('manifest.v1+json'),
    );
    return { id: config.digest, entry: { ...entry, platform: { os: 'linux', architecture } } as { digest: string } };
  };
  const foreign = await manifest('s390x');
  const own = await manifest(machine);
  const index = await put(
    JSON.stringify({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests: [foreign.entry, own.entry] }),
    type('index.v1+json'),
  );
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
  return { id: own.id, manifestDigest: own.entry.digest, indexDigest: index.digest };
}
