/** Services on this node: from the API's objects to rules in the kernel. */
import type { EventRecorder } from '../api/event-recorder.ts';
import { keyOf, type Informer, type InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { endpointSlices, nodes, services } from '../api/resources.ts';
import type { EndpointSlice, Node, Service } from '../api/types.gen.ts';
import { printChanges, type Change } from '../kernel/change.ts';
import { createCommitLoop, everyInterval } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { ipv4 } from '../kernel/family.ts';
import type { DesiredRules } from '../kernel/plan-iptables.ts';
import { createRuleWriter } from '../kernel/rule-writer.ts';
import { createDepartures, type DepartureBoard } from './departures.ts';
import { createFlowKeeper } from './flows.ts';
import { losesEndpoint } from './lost-endpoints.ts';
import { loadBalancingTable, serviceKeyOf, type ServicePort } from './model.ts';
import { ownsChain } from './names.ts';
import { desiredRules } from './plan-rules.ts';

export { createDepartures } from './departures.ts';

export interface ProxyOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  readonly clusterCIDR: string;
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
/** Lines of a plan that go to the log. */
const loggedLines = 20;

interface Objects {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly nodes: Informer<Node>;
}

function informersOf(informers: InformerFactory, nodeName: string): Objects {
  return {
    services: informers.informer(services),
    slices: informers.informer(endpointSlices, {
      indexes: {
        service: (slice) => [serviceKeyOf(slice) ?? ''],
        podHere: (slice) =>
          (slice.endpoints ?? [])
            .filter((one) => one.nodeName === nodeName)
            .map(({ targetRef }) => targetRef?.uid ?? ''),
      },
    }),
    nodes: informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` }),
  };
}

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

/**
 * Resolves when the rules of all Services known at start are in the kernel (or the signal fired). Rules stay when it ends.
 * Never rejects for a kernel that refuses: it logs and tries again.
 */
export async function startProxy(options: ProxyOptions): Promise<void> {
  const { exec, nodeName, clusterCIDR, informers, signal, departures = createDepartures() } = options;
  const logger = options.logger.with({ part: 'proxy' });
  const family = ipv4;
  const objects = informersOf(informers, nodeName);
  const writer = createRuleWriter({ exec, family, owns: ownsChain });
  const flows = createFlowKeeper(exec, clusterCIDR, logger);

  const desired = (): { table: readonly ServicePort[]; rules: DesiredRules } => {
    const slicesOf = (key: string): readonly EndpointSlice[] => objects.slices.byIndex('service', key);
    const { leaving } = departures;
    const table = loadBalancingTable({ services: objects.services.list(), slicesOf, nodeName, family, leaving });
    return { table, rules: desiredRules({ table, family, clusterCIDR }) };
  };
  const commit = async (): Promise<void> => {
    const started = performance.now();
    departures.forget((uid) => objects.slices.byIndex('podHere', uid).length > 0);
    const departed = departures.boarding();
    const { table, rules } = desired();
    const changes = await writer.sync(rules);
    departed();
    if (changes.length > 0) {
      const plan = printChanges(changes.slice(0, loggedLines));
      logger.info('rules written', { changes: changes.length, ms: Math.round(performance.now() - started), plan });
    }
    await flows.reconcile(table);
  };
  const loop = createCommitLoop({ name: 'Services', commit, logger, signal });
  const audit = async (): Promise<void> => {
    try {
      const changes = await writer.audit();
      if (changes.length > 0) reportRepair({ ...options, logger }, objects.nodes.get(nodeName), changes);
    } catch (error) {
      logger.error('audit of the rules failed', { error });
    }
  };

  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([objects.services.synced, objects.slices.synced]), stopped]);
  if (signal.aborted) return;
  const stops = [
    objects.services.onChange(({ type, object, previous }) => {
      if (type !== 'updated' || previous === undefined || servicePart(object) !== servicePart(previous)) loop.request();
    }),
    objects.slices.onChange((change) => loop.request({ urgent: losesEndpoint(change) })),
  ];
  signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
  departures.onRequest(() => loop.request({ urgent: true }));
  loop.request();
  everyInterval(options.auditIntervalMs ?? defaultAuditIntervalMs, signal, audit);
  await loop.settled();
  logger.info('Services are served', { services: objects.services.list().length });
}

/** What of a Service the rules depend on. */
function servicePart(service: Service): string {
  return JSON.stringify([keyOf(service), service.spec, service.metadata.labels]);
}
