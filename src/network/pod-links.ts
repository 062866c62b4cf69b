/** The pods of this node as the kernel has them: made, taken away, adopted. */
import type { Logger } from '../api/logger.ts';
import { printChanges } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import { createGatherer } from '../kernel/gather.ts';
import { createIpBatcher } from '../kernel/ip-batcher.ts';
import { IpBatchError, isExists, isMissing, readLinks, runIpBatch, type BatchFailure } from '../kernel/ip.ts';
import { listNetns, netnsPids } from '../kernel/netns.ts';
import type { AddressPool } from './address-pool.ts';
import type { PodIdentity } from './contract.ts';
import { forgetFlowsOf } from './flows.ts';
import { bridgeName, macOf, podAlias, podNames, type PodNames } from './names.ts';
import {
  planAdoption,
  planPodSetUp,
  planPodTearDown,
  type AdoptedPod,
  type DesiredPod,
  type DoomedPod,
} from './plan-pod.ts';

/** What a pod's set-up needs to know of the node. */
export interface PodGround {
  readonly pool: AddressPool;
  readonly gateway: string;
  readonly mtu: number;
}

interface PodRecord extends AdoptedPod {
  /** Set up by this process, or found broken and mended: no need to do it again. */
  verified: boolean;
}

/** Some kernels say so when the bridge or the entry is not there. */
const isNoNeighbour = ({ line, message }: BatchFailure): boolean =>
  line.startsWith('neigh delete') && message.includes('Invalid argument');

export class PodLinks {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #records = new Map<string, PodRecord>();
  /** The last piece of work of each pod: a set-up and a tear-down of one pod never overlap. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #batcher: ReturnType<typeof createIpBatcher>;
  readonly #takeAway: (pod: DoomedPod) => Promise<void>;

  constructor(exec: Exec, logger: Logger) {
    this.#exec = exec;
    this.#logger = logger;
    this.#batcher = createIpBatcher(exec);
    this.#takeAway = createGatherer((doomed) => this.#takeAllAway(doomed));
  }

  /** Every address in use. */
  get ips(): readonly string[] {
    return [...this.#records.values()].flatMap(({ ips }) => ips);
  }

  get pods(): readonly AdoptedPod[] {
    return [...this.#records.values()];
  }

  /** Reads the kernel back. Whole pods are taken over, halves undone. */
  async adopt(): Promise<void> {
    const [links, namespaces] = await Promise.all([readLinks(this.#exec), listNetns(this.#exec)]);
    const plan = planAdoption(links, namespaces);
    for (const pod of plan.pods) this.#records.set(pod.netns, { ...pod, verified: false });
    if (plan.lines.length === 0) return;
    this.#logger.info('what was cut off is undone', { plan: printChanges(plan.changes) });
    const failures = (await this.#batcher.run(plan.lines)).filter((failure) => !isMissing(failure));
    if (failures.length > 0) throw new IpBatchError('undoing what was cut off', failures);
  }

  setUp(pod: PodIdentity, ground: PodGround): Promise<PodRecord> {
    return this.#inTurn(podNames(pod).netns, () => this.#setUp(pod, ground));
  }

  tearDown(pod: Pick<PodIdentity, 'uid' | 'attempt'>, release: (ip: string) => void): Promise<void> {
    const names = podNames(pod);
    return this.#inTurn(names.netns, () => this.#tearDown(names, release));
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    const settled = result.catch(() => undefined);
    this.#turns.set(key, settled);
    void settled.then(() => this.#turns.get(key) === settled && this.#turns.delete(key));
    return result;
  }

  async #setUp(pod: PodIdentity, ground: PodGround): Promise<PodRecord> {
    const names = podNames(pod);
    const known = this.#records.get(names.netns);
    if (known?.verified === true) return known;
    const ip = known?.ips[0] ?? ground.pool.allocate();
    const record: PodRecord = {
      ...names,
      pod: `${pod.namespace}/${pod.name}`,
      uid: pod.uid,
      attempt: pod.attempt,
      ips: [ip],
      verified: true,
    };
    try {
      await this.#carryOut(desiredPod(record, ground), known !== undefined);
    } catch (error) {
      // One that stood before we came is somebody's running pod: it stays, and the caller tries again.
      if (known !== undefined) throw error;
      // Half a pod is worse than none: undo, then tell.
      await this.#takeAway({ ...names, ips: [ip] }).catch((left: unknown) =>
        this.#logger.error('undo failed', { ...names, error: left }),
      );
      this.#records.delete(names.netns);
      ground.pool.release(ip);
      throw error;
    }
    this.#records.set(names.netns, record);
    return record;
  }

  async #carryOut(desired: DesiredPod, present: boolean, again = false): Promise<void> {
    const plan = planPodSetUp(desired, { netns: present, link: present });
    const failures = await this.#batcher.run(plan.nodeLines);
    // What is there under our own name is a rest that nobody remembers: away with it, once.
    if (!again && failures.some((failure) => isExists(failure))) {
      await this.#takeAway({ netns: desired.netns, link: desired.link, ips: [desired.ip] });
      return this.#carryOut(desired, false, true);
    }
    if (failures.length > 0) throw new IpBatchError(`setting up ${desired.pod}`, failures);
    const inside = await runIpBatch(this.#exec, plan.podLines, desired.netns);
    if (inside.length > 0) throw new IpBatchError(`setting up ${desired.pod} inside`, inside);
  }

  async #takeAllAway(doomed: readonly DoomedPod[]): Promise<void> {
    const failures = await this.#batcher.run(planPodTearDown(doomed, bridgeName));
    const real = failures.filter((failure) => !isMissing(failure) && !isNoNeighbour(failure));
    if (real.length > 0) throw new IpBatchError('taking pods away', real);
    const ips = doomed.flatMap((pod) => pod.ips);
    // A flow that stays would lead to whoever gets the address next; but a pod must go even without conntrack(8).
    await forgetFlowsOf(this.#exec, ips).catch((error: unknown) => this.#logger.warn('flows stay', { ips, error }));
  }

  async #tearDown(names: PodNames, release: (ip: string) => void): Promise<void> {
    const ips = this.#records.get(names.netns)?.ips ?? [];
    await this.#takeAway({ ...names, ips });
    for (const ip of ips) release(ip);
    this.#records.delete(names.netns);
  }

  /** Makes links anew that somebody deleted, while the namespace is still there. What comes back was mended. */
  async mend(ground: PodGround): Promise<readonly AdoptedPod[]> {
    const [links, namespaces] = await Promise.all([readLinks(this.#exec), listNetns(this.#exec)]);
    const there = new Set(links.filter(({ master }) => master === bridgeName).map(({ name }) => name));
    const broken = [...this.#records.values()].filter(
      ({ link, netns }) => !there.has(link) && namespaces.includes(netns) && !this.#turns.has(netns),
    );
    const present = new Set(links.map(({ name }) => name));
    for (const record of broken) {
      await this.#inTurn(record.netns, async () => {
        if (this.#records.get(record.netns) !== record) return;
        const plan = planPodSetUp(desiredPod(record, ground), { netns: true, link: present.has(record.link) });
        const failures = [
          ...(await this.#batcher.run(plan.nodeLines)),
          ...(await runIpBatch(this.#exec, plan.podLines, record.netns)),
        ];
        if (failures.length > 0) throw new IpBatchError(`mending ${record.pod}`, failures);
      });
    }
    return broken;
  }

  /** Whether any process lives in the pod's namespace. */
  async isInhabited({ netns }: AdoptedPod): Promise<boolean> {
    return (await netnsPids(this.#exec, netns)).length > 0;
  }
}

function desiredPod(record: AdoptedPod, { pool, gateway, mtu }: PodGround): DesiredPod {
  const ip = record.ips[0] ?? '';
  return {
    netns: record.netns,
    link: record.link,
    alias: podAlias(record),
    pod: record.pod,
    ip,
    mac: macOf(ip),
    prefixLength: pool.cidr.prefixLength,
    mtu,
    bridge: { name: bridgeName, ip: gateway, mac: macOf(gateway) },
  };
}
