/**
 * The programs: upstream's e2e.test and what goes with it. PODWIRE_E2E_TEST names an e2e.test that is there; its folder may
 * hold the others too. What is missing is built by the Go toolchain from the module proxy, by version, once.
 */
import { execa } from 'execa';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildTimeoutMs, kubernetesVersion, NotHereError, places } from './settings.ts';

interface Program {
  readonly package: string;
  /** `go test -c` in place of `go build`. */
  readonly isTest?: true;
  /** Of a module of its own, at this version; else Kubernetes' own module builds it. */
  readonly version?: string;
}

const k8s = 'k8s.io/kubernetes';

const programs = {
  'e2e.test': { package: `${k8s}/test/e2e`, isTest: true },
  ginkgo: { package: 'github.com/onsi/ginkgo/v2/ginkgo' },
  agnhost: { package: `${k8s}/test/images/agnhost` },
  // agnhost's image names 1.6.2, a requirement of which the module proxy has no more
  coredns: { package: 'github.com/coredns/coredns', version: 'v1.14.7' },
  nonewprivs: { package: `${k8s}/test/images/nonewprivs` },
  'regression-issue-74839': { package: `${k8s}/test/images/regression-issue-74839` },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof programs;

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The time that builds have taken in this run, ms. */
let spentMs = 0;

/** Runs the toolchain in our module. Throws {@link NotHereError} when it is missing, or cannot get what it needs. */
async function go(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod', ...more };
  const timeout = Math.max(1, Math.round(buildTimeoutMs - spentMs));
  const result = await execa('go', args, { cwd: places.module, env, reject: false, timeout, stdin: 'ignore' });
  spentMs += result.durationMs;
  if (result.exitCode === 0) return result.stdout;
  const why =
    result.code === 'ENOENT'
      ? 'there is no Go toolchain on the path'
      : result.stderr.trim().split('\n').slice(-5).join('\n');
  throw new NotHereError(`go ${args.join(' ')}: ${why || result.shortMessage}`);
}

/**
 * Their module replaces its staging modules by folders of its own repository, which no other module can do: ours takes them
 * at the version that goes with it (v0.36.3 with v1.36.3).
 */
async function writeModule(): Promise<void> {
  await mkdir(places.module, { recursive: true });
  const file = join(places.module, 'go.mod');
  if (await isThere(file)) return;
  const { GoMod } = JSON.parse(await go(['mod', 'download', '-json', `${k8s}@v${kubernetesVersion}`])) as {
    GoMod: string;
  };
  const theirs = await readFile(GoMod, 'utf8');
  const staging = kubernetesVersion.replace(/^1/, '0');
  const [, language = ''] = /^go (\S+)$/m.exec(theirs) ?? [];
  const replaced = [...theirs.matchAll(/^\s*(\S+) => \.\/staging\//gm)].map(
    ([, name]) => `replace ${name} => ${name} v${staging}`,
  );
  const lines = [
    'module podwire.dev/conformance',
    `go ${language}`,
    `require ${k8s} v${kubernetesVersion}`,
    ...replaced,
  ];
  // Without an import the requirement counts as unused.
  await writeFile(
    join(places.module, 'tools.go'),
    `//go:build tools\n\npackage tools\n\nimport _ "${k8s}/cmd/kubectl"\n`,
  );
  await writeFile(file, `${lines.join('\n\n')}\n`);
}

async function build(name: ProgramName, say: (text: string) => void): Promise<string> {
  const { package: source, ...kind }: Program = programs[name];
  const path = join(places.programs, name);
  if (await isThere(path)) return path;
  say(`building ${name} ${kind.version ?? `of Kubernetes ${kubernetesVersion}`}; the first time takes some minutes`);
  await mkdir(places.module, { recursive: true });
  if (kind.version !== undefined) {
    await go(['install', '-ldflags', '-s -w', `${source}@${kind.version}`], { GOBIN: places.programs });
    return path;
  }
  await writeModule();
  const version = `-s -w -X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`;
  const verb = kind.isTest === true ? ['test', '-c'] : ['build'];
  await go([...verb, '-ldflags', version, '-o', path, source]);
  return path;
}

/** The program's path. Throws {@link NotHereError}. */
export async function programPath(name: ProgramName, say: (text: string) => void): Promise<string> {
  const given = process.env['PODWIRE_E2E_TEST'];
  const beside = given === undefined ? undefined : name === 'e2e.test' ? given : join(dirname(given), name);
  if (beside !== undefined && (await isThere(beside))) return beside;
  if (given !== undefined && beside === given) throw new Error(`PODWIRE_E2E_TEST=${given}: no such file`);
  return build(name, say);
}
