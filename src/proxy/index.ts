/** Services on this node: from the API's objects to the kernel. */
import type { EventRecorder, EventType } from '../api/event-recorder.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { printChanges } from '../kernel/change.ts';
import { createCommitLoop, everyInterval } from '../kernel/commit-loop.ts';
import type { Exec } from '../kernel/exec.ts';
import { familyOfText, ipv4, ipv6, type Family } from '../kernel/family.ts';
import { defaultProxyMode, type Mode, type WantedMode } from './back-end.ts';
import { chooseMode } from './choose-mode.ts';
import { createCommit } from './commit.ts';
import { createDepartures, type DepartureBoard } from './departures.ts';
import { createDirtyKeys } from './dirty-keys.ts';
import { createFamilyProxy, type FamilyProxy } from './family-proxy.ts';
import { createFlowKeeper } from './flows/flow-keeper.ts';
import { createFlowLimit } from './flows/flow-limit.ts';
import { setFlowSettings } from './flows/flow-settings.ts';
import { follow } from './follow.ts';
import { foreignProxies } from './foreign-proxies.ts';
import { createProxyHealth } from './health/proxy-health.ts';
import { startProxyServers } from './health/servers.ts';
import { createServiceHealth } from './health/service-health.ts';
import { createPendingChanges } from './metrics/pending-changes.ts';
import { createProxyMetrics, type ProxyMetrics } from './metrics/proxy-metrics.ts';
import type { ServiceChange } from './model/table-keeper.ts';
import { modes } from './modes.ts';
import { createProxyObjects, type ProxyObjects } from './objects.ts';
import { cleanUpLocalhost, cleanUpOthers } from './other-modes.ts';
import { namesLoopback, withLocalhostPorts } from './userspace/localhost-ports.ts';

export { createDepartures } from './departures.ts';
export { cleanUpAll } from './other-modes.ts';

/** What the proxy of a node is given. */
export interface ProxyOptions {
  readonly exec: Exec;
  readonly nodeName: string;
  /** Of all pods: one CIDR, or one a family with a comma between. Its families are those that are served; both when it is not known. */
  readonly clusterCIDR: string | undefined;
  readonly mode?: WantedMode;
  /** Where node ports listen, as CIDRs; left out: on every address of the node but loopback's. */
  readonly nodePortAddresses?: readonly string[] | undefined;
  /** Conntrack takes late segments as they come, since the pod network of this process sees to that; the kernel is asked without it. */
  readonly conntrackIsLiberal?: boolean;
  /** Node ports on 127.0.0.1 and ::1 too, through the relay process; also where `nodePortAddresses` names loopback. */
  readonly localhostNodePorts?: boolean;
  /** `HOST:PORT` of /metrics and /proxyMode, and of /healthz and /livez; left out: nothing listens. */
  readonly metricsAddress?: string;
  readonly healthzAddress?: string;
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
const flowCountIntervalMs = 10_000;

type NodeEvent = (type: EventType, reason: string, message: string) => void;

/** Tells the node's owner. */
function nodeEvents({ events, nodeName }: ProxyOptions, objects: ProxyObjects): NodeEvent {
  return (type, reason, message) => {
    const metadata = objects.node()?.metadata ?? { name: nodeName };
    events.event({ apiVersion: 'v1', kind: 'Node', metadata }, type, reason, message);
  };
}

function asksLocalhost({ localhostNodePorts, nodePortAddresses }: ProxyOptions, family: Family): boolean {
  const ofFamily = nodePortAddresses?.filter((cidr) => familyOfText(cidr) === family);
  return localhostNodePorts === true || namesLoopback(ofFamily, family);
}

interface FamilyPart {
  readonly family: Family;
  readonly proxy: FamilyProxy;
  /** Puts right what others changed. Never rejects. */
  audit(): Promise<void>;
}

interface FamilyContext {
  readonly mode: Mode;
  readonly cidrs: readonly string[];
  readonly objects: ProxyObjects;
  readonly metrics: ProxyMetrics;
  readonly tell: NodeEvent;
}

/** One family's part, and how it hears of others' changes. */
function startFamily(family: Family, options: ProxyOptions, context: FamilyContext): FamilyPart {
  const { exec, nodeName, nodePortAddresses, logger, signal } = options;
  const { mode, cidrs, objects, tell } = context;
  const settings = {
    nodeName,
    clusterCIDR: cidrs.find((cidr) => familyOfText(cidr) === family),
    nodePortAddresses: nodePortAddresses?.filter((cidr) => familyOfText(cidr) === family),
    conntrackIsLiberal: options.conntrackIsLiberal,
  };
  const metrics = context.metrics.of(family);
  const flows = createFlowKeeper({
    exec,
    family,
    settings,
    logger,
    signal,
    onSwept: (ms, deleted) => metrics.swept(ms, deleted),
  });
  const onLed = (changes: readonly ServiceChange[]): void => flows.written(changes);
  const onCleanUpFailed = (): void => metrics.cleanUpFailed();
  const backEndOptions = { exec, family, settings, logger, signal, onLed, onCleanUpFailed };
  const inner = mode.create(backEndOptions);
  const backEnd = asksLocalhost(options, family) ? withLocalhostPorts(inner, backEndOptions) : inner;
  const proxy = createFamilyProxy({
    ...{ family, source: objects, backEnd, metrics, logger },
    flows: mode.leadsElsewhere === true ? undefined : flows,
  });
  const audit = async (): Promise<void> => {
    try {
      const changes = await proxy.audit();
      if (changes.length === 0) return;
      const first = printChanges(changes).slice(0, 500);
      logger.warn('rules were changed by somebody else and put right', { changes: changes.length, first });
      tell('Warning', 'ServiceRulesRepaired', `Service rules were changed by somebody else and put right: ${first}`);
    } catch (error) {
      logger.error('audit of the rules failed', { family: family.name, error });
    }
  };
  backEnd.watch?.(audit);
  return { family, proxy, audit };
}

/** Until the signal. */
function watchFlowLimit({ exec, logger, signal }: ProxyOptions, metrics: ProxyMetrics, tell: NodeEvent): void {
  const look = createFlowLimit({
    exec,
    logger,
    onCount: (count, limit) => {
      metrics.flows.set(count);
      metrics.flowsLimit.set(limit);
    },
    onNearlyFull: (message) => tell('Warning', 'FlowTableNearlyFull', message),
  });
  everyInterval(flowCountIntervalMs, signal, look);
}

/**
 * Resolves when the rules of all Services known at start are in the kernel (or the signal fired). Rules stay when it ends.
 * Never rejects for a kernel that refuses: it logs and tries again. Rejects with a ProxyModeError when this machine cannot do the mode.
 */
export async function startProxy(given: ProxyOptions): Promise<void> {
  const options = { ...given, logger: given.logger.with({ part: 'proxy' }) };
  const { exec, nodeName, informers, signal, logger, departures = createDepartures() } = options;
  const cidrs = options.clusterCIDR?.split(',') ?? [];
  const families = cidrs.length === 0 ? [ipv4, ipv6] : cidrs.map(familyOfText);
  const objects = createProxyObjects(informers, nodeName, departures.leaving);
  const mode = await chooseMode(modes, options.mode ?? defaultProxyMode, { exec, families, logger });
  void setFlowSettings(exec, logger);
  const metrics = createProxyMetrics(mode.name, families);
  const pending = createPendingChanges(metrics);
  const health = createProxyHealth(families);
  const serviceHealth = createServiceHealth({
    ...options,
    source: objects,
    isHealthy: () => health.isHealthy(),
    addresses: options.nodePortAddresses,
  });
  const tell = nodeEvents(options, objects);
  const parts = families.map((family) => startFamily(family, options, { mode, cidrs, objects, metrics, tell }));
  const dirty = createDirtyKeys();
  const commit = createCommit({ parts, objects, dirty, pending, departures, health, serviceHealth });
  const loop = createCommitLoop({ name: 'Services', commit, logger, signal });
  startProxyServers({
    ...options,
    metricsAddress: options.metricsAddress,
    healthzAddress: options.healthzAddress,
    mode: mode.name,
    metrics,
    health,
    node: () => objects.node(),
  });
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  signal.addEventListener('abort', () => serviceHealth.close(), { once: true });
  await Promise.race([Promise.all([objects.serviceInformer.synced, objects.sliceInformer.synced]), stopped]);
  if (signal.aborted) return;
  follow({ objects, dirty, departures, pending, health, loop, signal });
  const auditMs = options.auditIntervalMs ?? defaultAuditIntervalMs;
  everyInterval(auditMs, signal, async () => {
    serviceHealth.retry();
    await Promise.all(parts.map((part) => part.audit()));
  });
  watchFlowLimit(options, metrics, tell);
  await loop.settled();
  if (signal.aborted) return;
  await cleanUpOthers(mode, { exec, families, logger });
  const unasked = families.filter((family) => !asksLocalhost(options, family));
  await cleanUpLocalhost({ exec, families: unasked, logger });
  for (const message of await foreignProxies(exec)) {
    logger.warn(message);
    tell('Warning', 'OtherServiceProxy', message);
  }
  logger.info('Services are served', { mode: mode.name, services: objects.services().length });
}
