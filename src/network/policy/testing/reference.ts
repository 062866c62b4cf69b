/**
 * For tests: NetworkPolicy read as its documentation says it, object by object for each packet, with nothing kept and
 * nothing shared with the model. Slow, and meant to be plainly right.
 */
import { contains, parseCIDR } from '../../../api/addresses.ts';
import type {
  LabelSelector,
  Namespace,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  Pod,
} from '../../../api/types.gen.ts';

export interface Objects {
  readonly pods: readonly Pod[];
  readonly namespaces: readonly Namespace[];
  readonly policies: readonly NetworkPolicy[];
}

export interface AskedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
  readonly port: number;
}

type Labels = Readonly<Record<string, string>>;

function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  const labelsHold = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  const expressionsHold = matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const isListed = value !== undefined && values.includes(value);
    return operator === 'In' ? isListed : !isListed;
  });
  return labelsHold && expressionsHold;
}

const isRunning = ({ spec, status }: Pod): boolean =>
  spec?.hostNetwork !== true && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

/** The pod that has an address; those of the node's network have none of their own. */
function podWith({ pods }: Objects, ip: string): Pod | undefined {
  return pods.find((pod) => isRunning(pod) && (pod.status?.podIPs ?? []).some((one) => one.ip === ip));
}

function isPeer(objects: Objects, policy: NetworkPolicy, peer: NetworkPolicyPeer, ip: string): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return contains(parseCIDR(cidr), ip) && !except.some((one) => contains(parseCIDR(one), ip));
  }
  const pod = podWith(objects, ip);
  if (pod === undefined) return false;
  const namespace = objects.namespaces.find(({ metadata }) => metadata.name === pod.metadata.namespace);
  const isInNamespace =
    peer.namespaceSelector === undefined
      ? pod.metadata.namespace === policy.metadata.namespace
      : namespace !== undefined && selects(peer.namespaceSelector, namespace.metadata.labels ?? {});
  return isInNamespace && selects(peer.podSelector ?? {}, pod.metadata.labels ?? {});
}

function isPort(
  target: Pod | undefined,
  { protocol = 'TCP', port, endPort }: NetworkPolicyPort,
  packet: AskedPacket,
): boolean {
  if (protocol !== packet.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return packet.port >= port && packet.port <= (endPort ?? port);
  const named = (target?.spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .find((one) => one.name === port && (one.protocol ?? 'TCP') === protocol);
  return named?.containerPort === packet.port;
}

function directionAllows(objects: Objects, packet: AskedPacket, type: 'Ingress' | 'Egress'): boolean {
  const [own, peer] = type === 'Ingress' ? [packet.destination, packet.source] : [packet.source, packet.destination];
  const pod = podWith(objects, own);
  if (pod === undefined || own === peer) return true;
  const isolating = objects.policies.filter(({ metadata, spec }) => {
    const types = spec?.policyTypes ?? (spec?.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']);
    return (
      metadata.namespace === pod.metadata.namespace &&
      types.includes(type) &&
      selects(spec?.podSelector ?? {}, pod.metadata.labels ?? {})
    );
  });
  if (isolating.length === 0) return true;
  const target = podWith(objects, packet.destination);
  return isolating.some((policy) => {
    const rules =
      type === 'Ingress'
        ? (policy.spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from ?? [], ports: ports ?? [] }))
        : (policy.spec?.egress ?? []).map(({ to, ports }) => ({ peers: to ?? [], ports: ports ?? [] }));
    return rules.some(
      ({ peers, ports }) =>
        (peers.length === 0 || peers.some((one) => isPeer(objects, policy, one, peer))) &&
        (ports.length === 0 || ports.some((one) => isPort(target, one, packet))),
    );
  });
}

/** Whether a flow may be opened. */
export function isAllowed(objects: Objects, packet: AskedPacket): boolean {
  return directionAllows(objects, packet, 'Egress') && directionAllows(objects, packet, 'Ingress');
}
