/** The pods of this node as the kernel has them: made, taken away, adopted. */
import type { Logger } from '../api/logger.ts';
import { printChanges } from '../kernel/change.ts';
import type { Exec } from '../kernel/exec.ts';
import { createGatherer } from '../kernel/gather.ts';
import { createIpBatcher } from '../kernel/ip-batcher.ts';
import {
  IpBatchError,
  type BatchFailure,
  isExists,
  isMissing,
  readLinks,
  runIpBatch,
  runTcBatch,
} from '../kernel/ip.ts';
import { attachNetns, listNetns, netnsPids } from '../kernel/netns.ts';
import { readTrafficControl } from '../kernel/tc.ts';
import { contains } from '../api/addresses.ts';
import { gatewayOf, type AddressPool } from './address-pool.ts';
import type { PodAttachment, PodBandwidth, PodIdentity, RememberedPod } from './contract.ts';
import { forgetFlowsOf } from './flows.ts';
import { bridgeName, macOf, podAlias, podInterface, podNames, shaperOf, type PodNames } from './names.ts';
import { bandwidthChanges } from './plan-bandwidth.ts';
import {
  planAdoption,
  planPodSetUp,
  planPodTearDown,
  type AdoptedPod,
  type DesiredPod,
  type DoomedPod,
  type PodPlan,
} from './plan-pod.ts';

/** Asked before a pod is let out, told when it is gone. */
export interface PodGate {
  /** While it has not resolved the pod's own end is down; when it rejects the pod is not set up. */
  admit(pod: AdoptedPod): Promise<void>;
  leave(pod: Pick<AdoptedPod, 'netns'>): void;
}

/** What a pod's set-up needs to know of the node. */
export interface PodGround {
  /** One a family. */
  readonly pools: readonly AddressPool[];
  readonly mtu: number;
}

interface PodRecord extends AdoptedPod {
  /**
   * `adopted`: found in the kernel; `ready`: set up by this process; `unsettled`: being made, or being taken away, or the kernel
   * refused to. Whoever has a record has its addresses, so none is given out twice, and none is kept without one.
   */
  state: 'adopted' | 'ready' | 'unsettled';
}

interface Circumstances {
  /** Namespace and link are there already. */
  readonly present: boolean;
  /** The path of its namespace, when somebody else made it. */
  readonly foreign?: string | undefined;
  /** What stood in the way has been taken away once. */
  readonly isAgain?: boolean;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

export class PodLinks {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #gate: PodGate;
  readonly #records = new Map<string, PodRecord>();
  /** The last piece of work of each pod: a set-up and a tear-down of one pod never overlap. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #batcher: ReturnType<typeof createIpBatcher>;
  readonly #takeAway: (pod: DoomedPod) => Promise<void>;

  constructor(exec: Exec, logger: Logger, gate: PodGate) {
    this.#exec = exec;
    this.#logger = logger;
    this.#gate = gate;
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

  /** Reads the kernel back. Whole pods are taken over, those remembered also without their link; halves are undone. */
  async adopt(remembered: readonly RememberedPod[] = []): Promise<void> {
    // A pod that goes or comes while the kernel is read is known before or after.
    const before = [...this.#records.keys()];
    const [links, namespaces] = await Promise.all([readLinks(this.#exec), listNetns(this.#exec)]);
    const known = new Set([...before, ...this.#records.keys(), ...this.#turns.keys()]);
    const plan = planAdoption(links, namespaces, known, remembered.map(markOf));
    for (const pod of plan.pods) this.#records.set(pod.netns, { ...pod, state: 'adopted' });
    await Promise.all(plan.pods.map((pod) => this.#gate.admit(pod)));
    if (plan.lines.length === 0) return;
    this.#logger.info('what was cut off is undone', { plan: printChanges(plan.changes) });
    const failures = (await this.#batcher.run(plan.lines)).filter((failure) => !isMissing(failure));
    if (failures.length > 0) throw new IpBatchError('undoing what was cut off', failures);
  }

  /** `bandwidth` counts for one that is made: who stands keeps the limits that he was made with. */
  setUp(pod: PodIdentity, ground: PodGround, bandwidth?: PodBandwidth): Promise<PodRecord> {
    return this.#inTurn(podNames(pod).netns, () => this.#setUp(pod, ground, bandwidth));
  }

  tearDown(pod: Pick<PodIdentity, 'uid' | 'attempt'>): Promise<void> {
    const names = podNames(pod);
    return this.#inTurn(names.netns, () => this.#tearDown(names));
  }

  /** Tries again to take away what the kernel refused to. */
  async settle(): Promise<void> {
    const left = [...this.#records.values()].filter(
      ({ state, netns }) => state === 'unsettled' && !this.#turns.has(netns),
    );
    await Promise.all(left.map(({ netns, link }) => this.#inTurn(netns, () => this.#tearDown({ netns, link }))));
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    const settled = result.catch(() => undefined);
    this.#turns.set(key, settled);
    void settled.then(() => this.#turns.get(key) === settled && this.#turns.delete(key));
    return result;
  }

  async #setUp(pod: PodIdentity, ground: PodGround, bandwidth: PodBandwidth | undefined): Promise<PodRecord> {
    const names = podNames(pod);
    if (this.#records.get(names.netns)?.state === 'unsettled') await this.#tearDown(names);
    const known = this.#records.get(names.netns);
    if (known?.state === 'ready') return known;
    const record = known ?? this.#reserve(pod, names, ground, bandwidth);
    try {
      await this.#carryOut(record, desiredPod(record, ground), { present: known !== undefined, foreign: pod.netns });
    } catch (error) {
      // One that stood before we came is somebody's running pod: it stays, and the caller tries again.
      if (known !== undefined) throw error;
      // Half a pod is worse than none: undo, then tell.
      await this.#tearDown(names).catch((left: unknown) =>
        this.#logger.error('undo failed, its addresses are kept until it succeeds', { ...names, error: left }),
      );
      throw error;
    }
    record.state = 'ready';
    return record;
  }

  /** An address of each family, or none at all; nobody else gets them from now on. */
  #reserve(pod: PodIdentity, names: PodNames, ground: PodGround, bandwidth: PodBandwidth | undefined): PodRecord {
    const taken = new Set(this.ips);
    const record: PodRecord = {
      ...names,
      pod: `${pod.namespace}/${pod.name}`,
      uid: pod.uid,
      attempt: pod.attempt,
      ips: ground.pools.map((pool) => pool.next(taken)),
      ...ifnameOf(pod),
      ...(bandwidth === undefined ? {} : { bandwidth }),
      state: 'unsettled',
    };
    this.#records.set(names.netns, record);
    return record;
  }

  async #carryOut(pod: AdoptedPod, desired: DesiredPod, { present, foreign, isAgain }: Circumstances): Promise<void> {
    const isForeign = !present && foreign !== undefined;
    if (isForeign) await attachNetns(this.#exec, desired.netns, foreign);
    const plan = planPodSetUp(desired, { netns: present || isForeign, isForeign, link: present });
    const admitted = this.#gate.admit(pod).then(() => undefined, asError);
    const failures = await this.#batcher.run(plan.nodeLines);
    // What is there under our own name is a rest that nobody remembers: away with it, once.
    if (isAgain !== true && failures.some((failure) => isExists(failure))) {
      await this.#takeAway({
        netns: desired.netns,
        link: desired.link,
        ips: desired.addresses.map(({ ip }) => ip),
        isShaped: true,
      });
      return this.#carryOut(pod, desired, { present: false, foreign, isAgain: true });
    }
    if (failures.length > 0) throw new IpBatchError(`setting up ${desired.pod}`, failures);
    const refusal = await admitted;
    if (refusal !== undefined) throw refusal;
    await this.#limit(plan, desired.pod);
    const inside = await this.#finish(plan, desired.netns);
    if (inside.length > 0) throw new IpBatchError(`setting up ${desired.pod} inside`, inside);
  }

  async #limit({ trafficLines }: PodPlan, pod: string): Promise<void> {
    const failures = (await runTcBatch(this.#exec, trafficLines)).filter((failure) => !isExists(failure));
    if (failures.length > 0) throw new IpBatchError(`limiting the bandwidth of ${pod}`, failures, 'tc');
  }

  async #finish({ podLines }: PodPlan, netns: string): Promise<readonly BatchFailure[]> {
    return (await runIpBatch(this.#exec, podLines, netns)).filter((failure) => !isExists(failure));
  }

  async #takeAllAway(doomed: readonly DoomedPod[]): Promise<void> {
    const failures = await this.#batcher.run(planPodTearDown(doomed, bridgeName));
    const real = failures.filter((failure) => !isMissing(failure));
    if (real.length > 0) throw new IpBatchError('taking pods away', real);
    const ips = doomed.flatMap((pod) => pod.ips);
    // A flow that stays would lead to whoever gets the address next; but a pod must go even without conntrack(8).
    await forgetFlowsOf(this.#exec, ips).catch((error: unknown) => this.#logger.warn('flows stay', { ips, error }));
  }

  async #tearDown(names: PodNames): Promise<void> {
    const record = this.#records.get(names.netns);
    if (record !== undefined) record.state = 'unsettled';
    const isShaped = record === undefined || record.bandwidth?.egress !== undefined;
    await this.#takeAway({ ...names, ips: record?.ips ?? [], isShaped });
    this.#gate.leave(names);
    this.#records.delete(names.netns);
  }

  /** Makes links and limits anew that somebody took away, while the namespace is still there. What was mended, in words. */
  async mend(ground: PodGround): Promise<readonly string[]> {
    const settled = [...this.#records.values()].filter(
      (record) => record.state !== 'unsettled' && !this.#turns.has(record.netns) && hasAllAddresses(record, ground),
    );
    const [links, namespaces] = await Promise.all([readLinks(this.#exec), listNetns(this.#exec)]);
    const there = new Set(links.filter(({ master }) => master === bridgeName).map(({ name }) => name));
    const limits = await this.#brokenLimits(settled, ground);
    const present = new Set(links.map(({ name }) => name));
    const mended: string[] = [];
    for (const record of settled.filter(({ netns }) => namespaces.includes(netns))) {
      const { pod, link, netns } = record;
      const limit = limits.get(netns) ?? '';
      const what = there.has(link)
        ? `limits of ${pod}: ${limit}`
        : `link ${link} of ${pod} was gone and is there again`;
      if (there.has(link) && limit === '') continue;
      const isMended = await this.#inTurn(netns, () => this.#mendOne(record, ground, present));
      if (isMended) mended.push(what);
    }
    return mended;
  }

  async #mendOne(record: PodRecord, ground: PodGround, present: ReadonlySet<string>): Promise<boolean> {
    if (this.#records.get(record.netns) !== record) return false;
    const { link, netns, pod } = record;
    const observed = { netns: true, link: present.has(link), shaper: present.has(shaperOf(link)) };
    const plan = planPodSetUp(desiredPod(record, ground), observed);
    const outside = await this.#batcher.run(plan.nodeLines);
    await this.#limit(plan, pod);
    const failures = [...outside, ...(await this.#finish(plan, netns))];
    if (failures.length > 0) throw new IpBatchError(`mending ${pod}`, failures);
    return true;
  }

  /** By namespace, printed. Nothing is read while nobody has limits. */
  async #brokenLimits(records: readonly PodRecord[], ground: PodGround): Promise<ReadonlyMap<string, string>> {
    const limited = records.flatMap(({ netns, link, pod, bandwidth }) =>
      bandwidth === undefined ? [] : [{ netns, link, pod, bandwidth, mtu: ground.mtu }],
    );
    if (limited.length === 0) return new Map();
    const shaped = limited.filter(({ bandwidth }) => bandwidth.egress !== undefined);
    const observed = await readTrafficControl(
      this.#exec,
      shaped.map(({ link }) => link),
    );
    return new Map(limited.map((pod) => [pod.netns, printChanges(bandwidthChanges(pod, observed))]));
  }

  /** What stands, in the words of the contract. */
  attachments(ground: PodGround): readonly PodAttachment[] {
    return [...this.#records.values()]
      .filter(({ state }) => state !== 'unsettled')
      .map((record) => {
        const { link, ifname, mac, mtu, addresses } = desiredPod(record, ground);
        return { uid: record.uid, attempt: record.attempt, link, ifname, mac, mtu, addresses };
      });
  }

  /** Whether any process lives in the pod's namespace. */
  async isInhabited({ netns }: AdoptedPod): Promise<boolean> {
    return (await netnsPids(this.#exec, netns)).length > 0;
  }
}

/** As a mark has it. */
function ifnameOf({ ifname = podInterface }: PodIdentity): Pick<AdoptedPod, 'ifname'> {
  return ifname === podInterface ? {} : { ifname };
}

function markOf({ ips, needs: { bandwidth }, ...pod }: RememberedPod): AdoptedPod {
  const { namespace, name, uid, attempt } = pod;
  const mark = { ...podNames(pod), pod: `${namespace}/${name}`, uid, attempt, ips, ...ifnameOf(pod) };
  return bandwidth === undefined ? mark : { ...mark, bandwidth };
}

/** A bridge that has lost a gateway knows one family for a while: a link that is made then would never get the other. */
function hasAllAddresses({ ips }: AdoptedPod, { pools }: PodGround): boolean {
  return ips.every((ip) => pools.some(({ cidr }) => contains(cidr, ip)));
}

function desiredPod(record: AdoptedPod, { pools, mtu }: PodGround): DesiredPod {
  const [first] = pools;
  return {
    netns: record.netns,
    link: record.link,
    ifname: record.ifname ?? podInterface,
    alias: podAlias(record),
    pod: record.pod,
    addresses: record.ips.flatMap((ip) => {
      const cidr = pools.find((pool) => contains(pool.cidr, ip))?.cidr;
      return cidr === undefined ? [] : [{ ip, prefixLength: cidr.prefixLength, gateway: gatewayOf(cidr) }];
    }),
    mac: macOf(record.ips[0] ?? ''),
    mtu,
    bandwidth: record.bandwidth,
    bridge: { name: bridgeName, mac: macOf(first === undefined ? '' : gatewayOf(first.cidr)) },
  };
}
