/**
 * The images that the tests name, made here: there may be no registry. Upstream's programs are built from its source, all
 * else is Debian's. They go by upstream's names alone.
 */
import { execa } from 'execa';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '../../src/pki/index.ts';
import { packLayer, writeMadeImage, type LayerFile, type MadeImage } from '../../src/runtime/images/made-image.ts';
import { debianProgram, fetchPackages, nameServiceFiles, ordered, programFiles } from './layer-files.ts';
import { programPath, type ProgramName } from './programs.ts';
import { places } from './settings.ts';

type Say = (text: string) => void;

const registry = 'registry.k8s.io';
const tests = `${registry}/e2e-test-images`;
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Packages of Debian whose programs stand in the images. */
const packages = ['bash', 'bind9-dnsutils', 'conntrack', 'curl', 'dash', 'iproute2', 'netcat-openbsd', 'wget'];
/** Those of images that only other groups than [sig-network] name. */
const morePackages = ['nginx', 'util-linux'];

const file = (name: string, content: string | Buffer, mode = 0o644): LayerFile => ({
  kind: 'file',
  path: name,
  mode,
  content,
});
const folder = (name: string, mode: number): LayerFile => ({ kind: 'folder', path: name, mode });

const common: readonly LayerFile[] = [
  file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
  file('etc/group', 'root:x:0:\nnobody:x:65534:\n'),
  file('etc/nsswitch.conf', 'hosts: files dns\n'),
  folder('tmp', 0o1777),
  folder('root', 0o700),
  folder('proc', 0o555),
  folder('sys', 0o555),
  folder('dev', 0o755),
];

/** Debian's busybox answers for these in its own shell whatever PATH says, so the shell is another's. */
const shells = ['sh', 'ash', 'hush', 'busybox'];

/** Applets of this machine's static busybox, but for those that a real program stands for. */
async function applets(without: readonly string[], shell: string): Promise<LayerFile[]> {
  const program = '/bin/busybox';
  const { stdout } = await execa(program, ['--list']);
  const left = new Set([...shells, ...without]);
  const names = stdout.split('\n').filter((name) => /^[\w[.-]+$/.test(name) && !left.has(name));
  return [
    ...common,
    file('bin/busybox', await readFile(program), 0o755),
    ...names.map((name): LayerFile => ({ kind: 'link', path: `bin/${name}`, mode: 0o755, target: 'bin/busybox' })),
    ...(await programFiles(await debianProgram(shell), 'bin/sh')),
  ];
}

/** `wget -T` of Debian 12's busybox ends with a segmentation fault; `nc`, `ip` and `nslookup` are asked for more than applets know. */
const tools: Readonly<Record<string, readonly string[]>> = {
  bash: ['/bin/bash'],
  conntrack: ['/usr/sbin/conntrack'],
  curl: ['/usr/bin/curl'],
  dig: ['/usr/bin/dig'],
  getent: ['/usr/bin/getent'],
  ip: ['/usr/sbin/ip', '/sbin/ip', '/bin/ip'],
  nc: ['/bin/nc.openbsd', '/usr/bin/nc.openbsd'],
  nslookup: ['/usr/bin/nslookup'],
  ss: ['/usr/bin/ss', '/bin/ss'],
  wget: ['/usr/bin/wget'],
};

/** Who does not get through is told so at once, as by the busybox of upstream's image: wget itself tries twenty times. */
const wgetConfig = 'tries = 1\n';

async function toolLayer(): Promise<Buffer> {
  const programs = Object.entries(tools).map(async ([name, paths]) =>
    programFiles(await debianProgram(...paths), `usr/bin/${name}`),
  );
  const files = [
    ...(await applets(Object.keys(tools), '/bin/dash')),
    ...(await Promise.all(programs)).flat(),
    ...(await nameServiceFiles()),
    { kind: 'link', path: 'bin/bash', mode: 0o755, target: 'usr/bin/bash' } as const,
    file('etc/wgetrc', wgetConfig),
  ];
  return packLayer(ordered(files));
}

async function agnhostLayer(say: Say): Promise<Buffer> {
  // Its `porter` serves TLS with what lies beside it; nobody looks at who signed that.
  const own = await (await createAuthority('agnhost')).issue({ commonName: 'localhost', dnsNames: ['localhost'] });
  const program = await readFile(await programPath('agnhost', say));
  const files = [
    file('agnhost', program, 0o755),
    { kind: 'link', path: 'agnhost-2', mode: 0o755, target: 'agnhost' } as const,
    file('localhost.crt', own.certPem),
    file('localhost.key', own.keyPem),
    folder('uploads', 0o777),
  ];
  return packLayer(ordered(files));
}

async function only(program: ProgramName, name: string, say: Say): Promise<Buffer> {
  return packLayer([file(name, await readFile(await programPath(program, say)), 0o755)]);
}

/** A user and a group that only this image knows: tests ask which groups a process is in. */
const ownUsers: readonly LayerFile[] = [
  file(
    'etc/passwd',
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nuser-defined-in-image:x:1000:1000::/:/bin/sh\n',
  ),
  file(
    'etc/group',
    'root:x:0:\nnobody:x:65534:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
  ),
];

const nginxConfig = `user root;
worker_processes 1;
pid /run/nginx.pid;
events { worker_connections 512; }
http {
  access_log /dev/stdout;
  server { listen 80; root /usr/share/nginx/html; }
}
`;

async function nginxLayer(): Promise<Buffer> {
  return packLayer(
    ordered([
      ...(await applets([], '/bin/dash')),
      ...(await programFiles(await debianProgram('/usr/sbin/nginx'), 'usr/sbin/nginx')),
      ...(await nameServiceFiles()),
      file('etc/nginx/nginx.conf', nginxConfig),
      file('usr/share/nginx/html/index.html', '<h1>Welcome to nginx!</h1>\n'),
      ...['run', 'var/log/nginx', 'var/lib/nginx'].map((name) => folder(name, 0o755)),
    ]),
  );
}

/** Programs of util-linux that tests of IPC namespaces run. */
async function ipcLayer(): Promise<Buffer> {
  const names = ['ipcs', 'ipcmk', 'lsns', 'nsenter', 'unshare'];
  const programs = names.map(async (name) => programFiles(await debianProgram(`/usr/bin/${name}`), `usr/bin/${name}`));
  return packLayer(ordered((await Promise.all(programs)).flat()));
}

/** Layers that more than one image has are made once. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

type Recipe = Pick<MadeImage, 'names'> & { readonly make: (say: Say) => Promise<Omit<MadeImage, 'names'>> };

const toolsOnce = once(toolLayer);
let agnhost: Promise<Buffer> | undefined;
const agnhostOnce = (say: Say): Promise<Buffer> => (agnhost ??= agnhostLayer(say));

const agnhostNames = ['2.63.0', '2.55'].map((tag) => `${tests}/agnhost:${tag}`);

async function agnhostImage(say: Say): Promise<Omit<MadeImage, 'names'>> {
  return {
    layers: [await toolsOnce(), await agnhostOnce(say), await packLayer(ordered(ownUsers))],
    config: { Env: [path], Entrypoint: ['/agnhost'], Cmd: ['pause'] },
  };
}

/** For a dozen tests: none of them asks for its CoreDNS, which takes minutes to build. */
const quickAgnhost: Recipe = { names: agnhostNames, make: agnhostImage };

/** The last name tells that it is not the quick one, nor one made earlier, which have the others too. */
const wholeAgnhost: Recipe = {
  names: [...agnhostNames, `${tests}/agnhost:2.63.0-whole`],
  make: async (say) => {
    const { layers, config } = await agnhostImage(say);
    return { layers: [...layers, await only('coredns', 'coredns', say)], config };
  },
};

const recipes: readonly Recipe[] = [
  {
    names: ['3.10.2', '3.10.1', '3.10'].map((tag) => `${registry}/pause:${tag}`),
    make: async () => {
      const files = await programFiles(await debianProgram('/usr/bin/catatonit'), 'pause');
      return { layers: [await packLayer(ordered(files))], config: { Env: [path], Entrypoint: ['/pause', '-P'] } };
    },
  },
  {
    // bash, since other shells keep variables from programs whose names are no identifiers
    names: ['1.37.0-1', '1.36.1-1'].map((tag) => `${tests}/busybox:${tag}`),
    make: async () => ({
      layers: [await packLayer(ordered(await applets([], '/bin/bash')))],
      config: { Env: [path], Cmd: ['sh'] },
    }),
  },
  {
    names: [`${tests}/glibc-dns-testing:2.0.0`],
    make: async () => ({ layers: [await toolsOnce()], config: { Env: [path], Cmd: ['/bin/bash'] } }),
  },
  {
    // asked for conntrack alone
    names: [`${registry}/build-image/distroless-iptables:v0.9.6`],
    make: async () => ({ layers: [await toolsOnce()], config: { Env: [path], Cmd: ['/bin/sh'] } }),
  },
  {
    names: [`${tests}/regression-issue-74839:1.4`],
    make: async (say) => ({
      layers: [await only('regression-issue-74839', 'boom-server', say)],
      config: { Env: [path], Entrypoint: ['/boom-server'] },
    }),
  },
];

/** For more than a quick run: also those that only other groups than [sig-network] name. */
const moreRecipes: readonly Recipe[] = [
  wholeAgnhost,
  {
    names: [`${tests}/nonroot:1.5`],
    make: async (say) => ({
      layers: [await toolsOnce(), await agnhostOnce(say)],
      config: { Env: [path], Entrypoint: ['/agnhost'], Cmd: ['pause'], User: '1234' },
    }),
  },
  ...['kitten', 'nautilus'].map((name): Recipe => ({
    names: [`${tests}/${name}:1.8`],
    make: async (say) => ({
      layers: [
        await toolsOnce(),
        await agnhostOnce(say),
        await packLayer([file('data.json', `{"image": "${name}.jpg"}\n`)]),
      ],
      config: { Env: [path], Entrypoint: ['/agnhost'], Cmd: ['test-webserver'] },
    }),
  })),
  {
    names: [`${tests}/ipc-utils:1.4`],
    make: async () => ({ layers: [await toolsOnce(), await ipcLayer()], config: { Env: [path], Cmd: ['/bin/bash'] } }),
  },
  {
    names: [`${tests}/nonewprivs:1.4`],
    make: async (say) => {
      const program = file('usr/local/bin/nnp', await readFile(await programPath('nonewprivs', say)), 0o6755);
      return {
        layers: [await toolsOnce(), await packLayer(ordered([program]))],
        config: { Env: [path], Cmd: ['nnp'] },
      };
    },
  },
  {
    names: ['1.27-0', '1.15-4'].map((tag) => `${tests}/nginx:${tag}`),
    make: async () => ({ layers: [await nginxLayer()], config: { Env: [path], Cmd: ['nginx', '-g', 'daemon off;'] } }),
  },
];

/** Makes what is not in the store yet, or all of it, and imports it with `podwire image import`; `more`: for all but a quick run. */
export async function importImages(
  podwire: string,
  options: { readonly again: boolean; readonly more: boolean; readonly say: Say },
): Promise<void> {
  const { again, more, say } = options;
  const { stdout } = await execa(podwire, ['image', 'ls']);
  const present = new Set(stdout.split(/[\s,]+/));
  const missing = [...recipes, ...(more ? moreRecipes : [quickAgnhost])].filter(
    ({ names }) => again || !names.every((name) => present.has(name)),
  );
  if (missing.length === 0) return;
  await fetchPackages(more ? [...packages, ...morePackages] : packages);
  for (const { names, make } of missing) {
    say(`image ${names[0]}`);
    const place = join(places.images, (names[0] ?? '').replaceAll(/[/:]/g, '-'));
    await rm(place, { recursive: true, force: true });
    await mkdir(place, { recursive: true });
    await writeMadeImage(place, { names, ...(await make(say)) });
    await execa(podwire, ['image', 'import', place]);
    await rm(place, { recursive: true });
  }
}
