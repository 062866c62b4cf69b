/** Services on this node: from the API's objects to the kernel. */
import type { EventRecorder } from '../api/event-recorder.ts';
import { keyOf, type InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import type { Node, Service } from '../api/types.gen.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import { createCommitLoop, everyInterval, type CommitLoop } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { familyOfText, ipv4, ipv6, type Family } from '../kernel/family.ts';
import { defaultProxyMode, type Mode, type WantedMode } from './back-end.ts';
import { chooseMode } from './choose-mode.ts';
import { createDepartures, type DepartureBoard } from './departures.ts';
import { createDirtyKeys, type DirtyKeys } from './dirty-keys.ts';
import { createFamilyProxy, type FamilyProxy } from './family-proxy.ts';
import { createFlowKeeper } from './flows/flow-keeper.ts';
import { losesEndpoint } from './lost-endpoints.ts';
import { modes } from './modes.ts';
import { serviceKeyOf } from './model/service-ports.ts';
import { createProxyObjects, type ProxyObjects } from './objects.ts';

export { createDepartures } from './departures.ts';

/** What the proxy of a node is given. */
export interface ProxyOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** Of all pods: one CIDR, or one a family with a comma between. Its families are those that are served; both when it is not known. */
  readonly clusterCIDR: string | undefined;
  readonly mode?: WantedMode;
  /** Where node ports listen, as CIDRs; left out: on every address of the node but loopback's. */
  readonly nodePortAddresses?: readonly string[] | undefined;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How often the kernel is read to see whether somebody else changed our rules. Default 30 s. */
  readonly auditIntervalMs?: number;
  /** Through which the kubelet of this node takes pods out before it stops them. */
  readonly departures?: DepartureBoard;
}

const defaultAuditIntervalMs = 30_000;

/** Tells the node's owner that somebody changed rules of ours. */
function reportRepair(
  { events, nodeName, logger }: ProxyOptions,
  node: Node | undefined,
  changes: readonly Change[],
): void {
  const text = printChanges(changes);
  logger.warn('rules were changed by somebody else and put right', {
    changes: changes.length,
    first: text.slice(0, 500),
  });
  const metadata = node?.metadata ?? { name: nodeName };
  const message = `Service rules were changed by somebody else and put right: ${text.slice(0, 500)}`;
  events.event({ apiVersion: 'v1', kind: 'Node', metadata }, 'Warning', 'ServiceRulesRepaired', message);
}

/** One family's part, and how it hears of others' changes. */
function startFamily(
  mode: Mode,
  family: Family,
  cidrs: readonly string[],
  objects: ProxyObjects,
  options: ProxyOptions,
): { readonly proxy: FamilyProxy; audit(): Promise<void> } {
  const { exec, nodeName, nodePortAddresses, logger, signal } = options;
  const clusterCIDR = cidrs.find((cidr) => familyOfText(cidr) === family);
  const settings = {
    nodeName,
    clusterCIDR,
    nodePortAddresses: nodePortAddresses?.filter((cidr) => familyOfText(cidr) === family),
  };
  const backEnd = mode.create({ exec, family, settings, logger, signal });
  const flows = createFlowKeeper({ exec, family, clusterCIDR, logger });
  const proxy = createFamilyProxy({ family, source: objects, backEnd, flows, logger });
  const audit = async (): Promise<void> => {
    try {
      const changes = await proxy.audit();
      if (changes.length > 0) reportRepair(options, objects.node(), changes);
    } catch (error) {
      logger.error('audit of the rules failed', { family: family.name, error });
    }
  };
  backEnd.watch?.(() => void audit());
  return { proxy, audit };
}

/** What of other modes the kernel still has goes once this mode's rules are in: no moment without rules. */
async function cleanUpOthers(options: ProxyOptions, current: Mode, families: readonly Family[]): Promise<void> {
  for (const mode of modes.filter((one) => one !== current)) {
    for (const family of families) {
      const changes = await mode.cleanUp(options.exec, family);
      if (changes.length > 0)
        options.logger.info('rules of another mode removed', { mode: mode.name, changes: changes.length });
    }
  }
}

/**
 * Resolves when the rules of all Services known at start are in the kernel (or the signal fired). Rules stay when it ends.
 * Never rejects for a kernel that refuses: it logs and tries again. Rejects with a ProxyModeError when this machine cannot do the mode.
 */
export async function startProxy(given: ProxyOptions): Promise<void> {
  const options = { ...given, logger: given.logger.with({ part: 'proxy' }) };
  const { nodeName, informers, signal, logger, departures = createDepartures() } = options;
  const cidrs = options.clusterCIDR?.split(',') ?? [];
  const families = cidrs.length === 0 ? [ipv4, ipv6] : cidrs.map(familyOfText);
  const mode = await chooseMode(modes, options.mode ?? defaultProxyMode, { ...options, families });
  const objects = createProxyObjects(informers, nodeName, departures.leaving);
  const parts = families.map((family) => startFamily(mode, family, cidrs, objects, options));
  const dirty = createDirtyKeys();

  const commit = async (): Promise<void> => {
    departures.forget((uid) => objects.servicesOfPod(uid).length > 0);
    const departed = departures.boarding();
    const keys = dirty.take();
    let open = parts.length;
    const onWritten = (): void => {
      open -= 1;
      if (open === 0) departed();
    };
    try {
      await Promise.all(parts.map(({ proxy }) => proxy.commit(keys, onWritten)));
    } catch (error) {
      dirty.addAll();
      throw error;
    }
  };
  const loop = createCommitLoop({ name: 'Services', commit, logger, signal });
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([objects.serviceInformer.synced, objects.sliceInformer.synced]), stopped]);
  if (signal.aborted) return;
  follow(objects, dirty, departures, loop, signal);
  const auditMs = options.auditIntervalMs ?? defaultAuditIntervalMs;
  everyInterval(auditMs, signal, async () => void (await Promise.all(parts.map((part) => part.audit()))));
  await loop.settled();
  if (!signal.aborted)
    await cleanUpOthers(options, mode, families).catch((error: unknown) =>
      logger.error('rules of another mode could not be removed', { error }),
    );
  logger.info('Services are served', { services: objects.services().length });
}

/** What changes asks for a commit, and says which Services are meant. */
function follow(
  objects: ProxyObjects,
  dirty: DirtyKeys,
  departures: DepartureBoard,
  loop: CommitLoop,
  signal: AbortSignal,
): void {
  let zone = objects.whereabouts().zone;
  const stops = [
    objects.serviceInformer.onChange(({ type, object, previous }) => {
      if (type === 'updated' && previous !== undefined && servicePart(object) === servicePart(previous)) return;
      dirty.add(keyOf(object));
      loop.request();
    }),
    objects.sliceInformer.onChange((change) => {
      for (const slice of [change.object, change.previous]) {
        const key = slice === undefined ? undefined : serviceKeyOf(slice);
        if (key !== undefined) dirty.add(key);
      }
      loop.request({ urgent: losesEndpoint(change) });
    }),
    objects.nodeInformer.onChange(() => {
      const now = objects.whereabouts().zone;
      if (now === zone) return;
      zone = now;
      dirty.addAll();
      loop.request();
    }),
  ];
  signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
  departures.onRequest((podUid) => {
    for (const key of objects.servicesOfPod(podUid)) dirty.add(key);
    loop.request({ urgent: true });
  });
  loop.request();
}

/** What of a Service the rules depend on. */
function servicePart(service: Service): string {
  return JSON.stringify([keyOf(service), service.spec, service.metadata.labels, service.status?.loadBalancer]);
}
