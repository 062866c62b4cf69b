/** Pods as all pod benches make them, and what happens to them, seen through one watch. */
import { readFileSync } from 'node:fs';
import type { ApiClient } from '../src/api/client.ts';
import { isAlreadyExists, isGone } from '../src/api/errors.ts';
import { createApiClient } from '../src/api/http-client.ts';
import { parseKubeconfig } from '../src/api/kubeconfig.ts';
import { namespaces, pods, serviceAccounts } from '../src/api/resources.ts';
import type { Pod } from '../src/api/types.gen.ts';

const NAMESPACE = 'bench';
const requestsAtOnce = 50;

/** As pause does. Without a handler process 1 would wait for its KILL, and with no grace the API lets a pod go before its node does. */
const endsAtTerm = ['sh', '-c', 'trap exit TERM; sleep 1000000 & wait'];

export class BenchPods {
  readonly #client: ApiClient;
  readonly #image: string;
  readonly #limitMs: number;
  readonly #stop = new AbortController();
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();
  #following: Promise<void> | undefined;
  #asking = 0;
  readonly #turns: (() => void)[] = [];

  constructor(kubeconfig: string, image: string, limitMs: number) {
    this.#client = createApiClient(
      parseKubeconfig(readFileSync(kubeconfig, 'utf8'), (path) => readFileSync(path, 'utf8')),
    );
    this.#image = image;
    this.#limitMs = limitMs;
  }

  /** Makes the namespace and begins to watch. Resolves when pods may be created. */
  async begin(): Promise<void> {
    await this.#client.create(namespaces, { metadata: { name: NAMESPACE } }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    for (let tries = 0; tries < 100; tries++) {
      const place = { namespace: NAMESPACE, name: 'default' };
      const found = await this.#client.get(serviceAccounts, place).catch(() => undefined);
      if (found !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { metadata } = await this.#client.list(pods, { namespace: NAMESPACE, limit: 1 });
    this.#following = this.#follow(metadata.resourceVersion).catch(() => undefined);
  }

  /** Milliseconds until it is Ready. */
  async create(name: string): Promise<number> {
    const start = performance.now();
    await this.#ask(() => this.#client.create(pods, this.#pod(name)));
    return (await this.#until(`ready ${name}`)) - start;
  }

  /** Milliseconds until the API has it no more. */
  async remove(name: string): Promise<number> {
    const start = performance.now();
    await this.#ask(() => this.#client.delete(pods, { namespace: NAMESPACE, name }));
    return (await this.#until(`gone ${name}`)) - start;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    this.#client.close();
  }

  /** Requests under way are bounded: an API server that works for pods as well would let some of a thousand time out. */
  async #ask(request: () => Promise<unknown>): Promise<void> {
    if (this.#asking >= requestsAtOnce) await new Promise<void>((resolve) => this.#turns.push(resolve));
    this.#asking += 1;
    try {
      await request();
    } finally {
      this.#asking -= 1;
      this.#turns.shift()?.();
    }
  }

  #pod(name: string): Pod {
    const image = this.#image;
    const command = image.includes('pause') ? {} : { command: endsAtTerm };
    return {
      metadata: { name, namespace: NAMESPACE },
      spec: {
        containers: [{ name: 'c', image, imagePullPolicy: 'IfNotPresent', ...command }],
        terminationGracePeriodSeconds: 30,
      },
    };
  }

  async #follow(resourceVersion: string | undefined): Promise<void> {
    const { signal } = this.#stop;
    for (let last = resourceVersion; !signal.aborted; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const options = { namespace: NAMESPACE, signal, ...(last === undefined ? {} : { resourceVersion: last }) };
      try {
        for await (const { type, object } of this.#client.watch(pods, options)) {
          last = object.metadata.resourceVersion;
          const name = object.metadata.name ?? '';
          if (type === 'DELETED') this.#note(`gone ${name}`);
          else if (object.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'))
            this.#note(`ready ${name}`);
        }
      } catch (error) {
        // A server that is hard pressed breaks watches off: this one goes on where it was.
        if (isGone(error)) throw error;
      }
    }
  }

  #note(moment: string): void {
    if (this.#seen.has(moment)) return;
    this.#seen.set(moment, performance.now());
    this.#waiting.get(moment)?.();
  }

  async #until(moment: string): Promise<number> {
    if (!this.#seen.has(moment)) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(moment, resolve);
        const late = (): void => reject(new Error(`not within ${this.#limitMs / 1000} s: ${moment}`));
        setTimeout(late, this.#limitMs).unref();
      });
    }
    return this.#seen.get(moment) ?? Number.NaN;
  }
}

/** Milliseconds until `work` is done with all of them, begun together. */
export async function together(names: readonly string[], work: (name: string) => Promise<number>): Promise<number> {
  const start = performance.now();
  await Promise.all(names.map(work));
  return performance.now() - start;
}
