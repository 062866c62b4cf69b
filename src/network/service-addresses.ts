/**
 * Answers for the addresses of load balancers that the control plane gave to this node. A local route is enough for IPv4: the kernel
 * answers ARP for whatever it takes as its own, while no link has the address, so that nobody takes it for the node's. IPv6 answers
 * for addresses of the link and for proxied neighbours, so it is one of those besides. What becomes of the packets is the proxy's part; a
 * port that no Service has is refused.
 */
import { parseIP } from '../api/addresses.ts';
import type { EventRecorder } from '../api/event-recorder.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { services } from '../api/resources.ts';
import { announceAddress } from '../kernel/announcement.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import { createCommitLoop, everyInterval } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { families, familyOfText, type Family } from '../kernel/family.ts';
import { readNeighbourProxies } from '../kernel/forwarding.ts';
import { IpBatchError, readLinks, readRoutes, runIpBatch, type Link } from '../kernel/ip.ts';
import { readSysctls, writeSysctls } from '../kernel/sysctl.ts';
import { routeProtocol } from './names.ts';
import { uplinkOf } from './node-link.ts';
import {
  addressesOfNode,
  planServiceAddresses,
  proxySettings,
  type ObservedServiceAddresses,
} from './plan-service-addresses.ts';

export interface ServiceAddressesOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** The link that has one of them is where neighbours ask; their families are those that are answered for. */
  readonly nodeIPs: readonly string[];
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Ends following the cluster; routes stay. */
  readonly signal: AbortSignal;
  /** How often the kernel is read to see what somebody else broke. Default 30 s. */
  readonly auditIntervalMs?: number;
}

const defaultAuditIntervalMs = 30_000;

const familiesOf = ({ nodeIPs }: ServiceAddressesOptions): readonly Family[] =>
  families.filter((family) => nodeIPs.some((ip) => familyOfText(ip) === family));

async function observe(options: ServiceAddressesOptions): Promise<ObservedServiceAddresses> {
  const { exec } = options;
  const own = familiesOf(options);
  const [proxies, ...routes] = await Promise.all([
    own.some(({ version }) => version === 6) ? readNeighbourProxies(exec, routeProtocol) : [],
    ...own.map((family) => readRoutes(exec, family, routeProtocol, 'local')),
  ]);
  return { routes: routes.flat(), proxies };
}

async function allowProxies(exec: Exec, link: string): Promise<void> {
  const wanted = proxySettings(link);
  const now = await readSysctls(exec, [...wanted.keys()]);
  await writeSysctls(exec, new Map([...wanted].filter(([name, value]) => now.get(name) !== value)));
}

/** Three seconds long, and nothing waits for it. */
function announce({ exec, logger }: ServiceAddressesOptions, addresses: readonly string[], { name, mac }: Link): void {
  for (const address of addresses) {
    const bits = parseIP(address)?.value ?? 0n;
    announceAddress(exec, { address, bits, link: name, mac }).catch((error: unknown) =>
      logger.warn('neighbours could not be told where an address is now', { address, error }),
    );
  }
}

/** Brings the kernel to what the Services say; what comes back was different. */
async function sync(options: ServiceAddressesOptions, all: Parameters<typeof addressesOfNode>[0]) {
  const { exec, nodeName, nodeIPs } = options;
  const desired = addressesOfNode(all, nodeName, familiesOf(options));
  const observed = await observe(options);
  if (desired.size === 0 && observed.routes.length + observed.proxies.length === 0) return [];
  const uplink = uplinkOf(await readLinks(exec), nodeIPs);
  if (uplink === undefined)
    throw new Error(`no link has an address of the node (${nodeIPs.join(', ')}): neighbours cannot be answered`);
  const plan = planServiceAddresses(desired, observed, uplink.name);
  if ([...desired.keys()].some((address) => familyOfText(address).version === 6)) await allowProxies(exec, uplink.name);
  const failures = await runIpBatch(
    exec,
    plan.steps.map(({ line }) => line),
  );
  announce(options, plan.added, uplink);
  if (failures.length > 0) throw new IpBatchError('addresses of load balancers', failures);
  return plan.steps;
}

/** Follows the Services from their first LIST on: before it nothing is touched. */
export function startServiceAddresses(options: ServiceAddressesOptions): void {
  const { informers, nodeName, events, signal } = options;
  const logger = options.logger.with({ part: 'service-addresses' });
  const known = informers.informer(services);
  const own = { ...options, logger };
  const log = (changes: readonly Change[]): void => {
    if (changes.length > 0) logger.info('addresses of load balancers', { plan: printChanges(changes) });
  };
  const loop = createCommitLoop({
    name: 'addresses of load balancers',
    commit: async () => log(await sync(own, known.list())),
    logger,
    signal,
  });
  const audit = async (): Promise<void> => {
    try {
      await loop.settled();
      const changes = await sync(own, known.list());
      if (changes.length === 0) return;
      log(changes);
      const message = `changed by somebody else and put right: ${printChanges(changes)}`;
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, uid: nodeName } };
      events.event(node, 'Warning', 'ServiceAddressesRepaired', message.slice(0, 900));
    } catch (error) {
      logger.error('audit of the addresses of load balancers failed', { error });
    }
  };
  const partOf = (all: Parameters<typeof addressesOfNode>[0]): string =>
    JSON.stringify([...addressesOfNode(all, nodeName, familiesOf(options))]);
  void known.synced.then(() => {
    if (signal.aborted) return;
    const stop = known.onChange(({ type, object, previous }) => {
      const before = previous === undefined ? '[]' : partOf([previous]);
      const now = type === 'deleted' ? '[]' : partOf([object]);
      if (before !== now || type === 'deleted') loop.request();
    });
    signal.addEventListener('abort', stop, { once: true });
    loop.request();
    everyInterval(options.auditIntervalMs ?? defaultAuditIntervalMs, signal, audit);
  });
}
