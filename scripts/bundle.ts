/**
 * Makes one program of src/: what runs for long or must start fast runs that instead of 400 files. It is kept in a folder
 * named by the content of its sources, and made only when there is none. Prints the program's path.
 *
 *   node scripts/bundle.ts            into $PODWIRE_CACHE/bundle/HASH/, /var/cache/podwire for root
 *   node scripts/bundle.ts dist       and a copy in dist/HASH/, for the npm package, which has no sources
 */
import { build, type Plugin } from 'esbuild';
import { createHash } from 'node:crypto';
import { builtinModules } from 'node:module';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const cache = process.env['PODWIRE_CACHE'] ?? '/var/cache/podwire';
const bundles = join(cache, 'bundle');
/** Native packages cannot be part of a bundle: their folders are copied beside it. */
const native = ['@lydell/node-pty', `@lydell/node-pty-linux-${process.arch}`];
/** Older bundles that no lab names go after this long. */
const keepMs = 24 * 3600 * 1000;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(ts|json)$/.test(entry.name) && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

function contentHash(): string {
  const hash = createHash('sha256');
  for (const path of [...sources(join(root, 'src')).sort(), join(root, 'package-lock.json'), import.meta.filename]) {
    const text = readFileSync(path);
    hash.update(`${path.slice(root.length)} ${text.length}\n`).update(text);
  }
  return hash.digest('hex').slice(0, 16);
}

/** The compile cache holds V8's code for the bundle: half of the time to start otherwise goes into reading it. */
const launcher = `import { enableCompileCache } from 'node:module';
enableCompileCache(new URL('./compile-cache', import.meta.url).pathname);
if (process.argv[2] === 'internal-runner') (await import('./runner.mjs')).serveRunner();
else if (process.argv[2] === 'internal-relay') await (await import('./relay.mjs')).serveRelay(process.argv[3]);
else await import('./main.mjs');
`;

/**
 * Node's own modules as plain objects. Importing one as a module reads every export of it, and some of those are getters that
 * load what is hardly ever used: node:http loads all of fetch. It is half of the time a process takes to start.
 */
const builtinsAsObjects: Plugin = {
  name: 'builtins-as-objects',
  setup(build) {
    const names = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    build.onResolve({ filter: /^[\w:/]+$/ }, ({ path }) =>
      names.has(path) || path.startsWith('node:') ? { path, namespace: 'builtin' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

async function bundle(folder: string): Promise<void> {
  await build({
    entryPoints: {
      main: join(root, 'src/cli/main.ts'),
      runner: join(root, 'src/kernel/runner-process.ts'),
      relay: join(root, 'src/proxy/userspace/relay-process.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    // Not made smaller: a stack trace in a log must be readable without a map.
    legalComments: 'none',
    external: native,
    plugins: [builtinsAsObjects],
    logLevel: 'warning',
    // CommonJS packages call require for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  writeFileSync(join(folder, 'podwire.mjs'), launcher);
  for (const name of native) {
    const from = join(root, 'node_modules', name);
    if (existsSync(from)) cpSync(from, join(folder, 'node_modules', name), { recursive: true });
  }
}

/** Bundles that are old and that no lab runs. */
function removeOld(current: string): void {
  const labs = '/var/lib/podwire/labs';
  const used = (existsSync(labs) ? readdirSync(labs) : [])
    .map((lab) => join(labs, lab, 'lab.json'))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  for (const name of readdirSync(bundles)) {
    const path = join(bundles, name);
    const isOld = Date.now() - statSync(path).mtimeMs > keepMs;
    if (path !== current && isOld && !used.includes(path)) rmSync(path, { recursive: true, force: true });
  }
}

const folder = join(bundles, contentHash());
const program = join(folder, 'podwire.mjs');
if (!existsSync(program)) {
  mkdirSync(bundles, { recursive: true });
  const fresh = mkdtempSync(join(bundles, '.new-'));
  chmodSync(fresh, 0o755);
  await bundle(fresh);
  try {
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(program)) throw error; // else somebody else was quicker
  }
  removeOld(dirname(program));
}
if (process.argv[2] === 'dist') {
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  // npm packs no node_modules: what is native comes as a dependency.
  const isPacked = (path: string): boolean =>
    !/\/(?:compile-cache|node_modules)(?:\/|$)/.test(path.slice(folder.length));
  cpSync(folder, join(dist, basename(folder)), { recursive: true, filter: isPacked });
}
console.log(program);
