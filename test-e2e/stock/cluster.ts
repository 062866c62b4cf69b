/** A stock cluster in the machines of a lab: Kubernetes' own programs from one folder, without a network and without a Service proxy. */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLab, labPlaces, machinePlaces, podCIDRs, type LabConfig } from '../../src/lab/index.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { eventually } from '../lab.ts';
import { writeImages } from './images.ts';
import { stockFolder } from './programs.ts';
import { stockServices } from './services.ts';

const noCheck = async (): Promise<void> => undefined;
const cniFolders = ['/etc/cni'];

export class StockCluster {
  readonly #name: string;
  readonly #exec = createDirectExec();
  readonly #made: string[] = [];
  config: LabConfig | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  get #lab() {
    const program = { node: process.execPath, script: join(import.meta.dirname, '../../src/cli/main.ts') };
    return createLab({ name: this.#name, exec: this.#exec, program, servicesOf: stockServices(stockFolder) });
  }

  get podCIDR(): string {
    assert.ok(this.config);
    return podCIDRs(this.config).join();
  }

  /** Of the machine, which nodes find without Services. */
  get apiAddress(): string {
    return this.config?.nodeCIDR.replace(/\.\d+\/\d+$/, '.2') ?? '';
  }

  /** Resolves when every node has registered and has the images. */
  async up(nodes: readonly string[]): Promise<void> {
    // The machines see the host's folders but for what is mounted over them.
    for (const folder of cniFolders.filter((path) => !existsSync(path))) {
      await mkdir(folder);
      this.#made.push(folder);
    }
    const images = await mkdtemp(join(tmpdir(), 'podwire-stock-images-'));
    try {
      const [archives, { config }] = await Promise.all([
        writeImages(images),
        this.#lab.up({ nodes: [...nodes], internet: 'off' }, noCheck),
      ]);
      this.config = config;
      for (const node of nodes) for (const archive of archives) await this.#import(node, archive);
    } finally {
      await rm(images, { recursive: true, force: true });
    }
    await eventually(
      'the API server answers',
      async () => (await this.kubectl(['get', '--raw', '/readyz'])) === 'ok',
      60_000,
    );
    await this.apply(kubeletAccess);
    await eventually(
      'nodes register',
      async () => (await this.kubectl(['get', 'nodes', '-o', 'name'])).split('\n').length === nodes.length,
      60_000,
    );
    await eventually(
      'the default ServiceAccount',
      async () => this.kubectl(['get', 'serviceaccount', 'default']),
      60_000,
    );
  }

  async #import(node: string, archive: string): Promise<void> {
    await eventually('containerd answers', async () =>
      this.onNode(node, ['test', '-S', '/run/containerd/containerd.sock']).then(() => true),
    );
    await this.onNode(node, [join(stockFolder, 'ctr'), '--namespace=k8s.io', 'images', 'import', '--local', archive]);
  }

  async kubectl(args: readonly string[], input = ''): Promise<string> {
    const argv = ['--kubeconfig', labPlaces(this.#name).kubeconfig, ...args];
    return (await execa(join(stockFolder, 'kubectl'), argv, { input, timeout: 120_000 })).stdout;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.applyText(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  }

  async applyText(text: string): Promise<void> {
    await this.kubectl(['apply', '-f', '-'], text);
  }

  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json'])) as T;
  }

  /** In a machine's namespaces; rejects when the command fails. */
  async onNode(node: string, argv: readonly string[], input = ''): Promise<string> {
    const [program, ...args] = [...(await this.#lab.enter(node)), ...argv] as [string, ...string[]];
    return (await execa(program, args, { input, timeout: 120_000 })).stdout;
  }

  /** TERM to a service of a machine, which its supervisor starts again. */
  async restart(node: string, service: string): Promise<void> {
    await this.onNode(node, ['s6-svc', '-t', `/run/service/${service}`]);
  }

  /** The end of what every service has said. */
  async logs(): Promise<string> {
    const machines = ['control-plane', ...(this.config?.nodes ?? [])];
    const files = machines.flatMap((machine) =>
      ['kube-apiserver', 'kubelet', 'containerd'].map((service) =>
        join(machinePlaces(this.#name, machine).log, 'podwire', service, 'current'),
      ),
    );
    const parts = await Promise.all(
      files.map(async (path) => `--- ${path}\n${(await readFile(path, 'utf8').catch(() => '')).slice(-6000)}\n`),
    );
    return parts.join('');
  }

  async down(): Promise<void> {
    await this.#lab.down();
    await this.#removeGroups();
    for (const folder of this.#made.splice(0)) await rmdir(folder);
  }

  /** Of cgroup v1 the lab knows nothing. */
  async #removeGroups(): Promise<void> {
    const own = (await readFile('/proc/self/cgroup', 'utf8')).split('\n').map((line) => line.split(':'));
    const roots = own.flatMap(([, controllers = '', path = '']) =>
      controllers.split(',').map((name) => resolve('/sys/fs/cgroup', name.replace('name=', ''), `.${path}`)),
    );
    const script =
      'for root do find "$root" -depth -type d -path "$root/$0-*" -exec rmdir {} \\; 2>/dev/null; done; true';
    await execa('sh', ['-c', script, this.#name, ...roots.filter((root) => existsSync(root))]);
  }
}

/** The lab's certificate of the API server is in no group. */
const kubeletAccess = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'apiserver-kubelet' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kube-apiserver-kubelet-client' }],
};
