/** A NetworkPolicy taken apart once, so that asking it about a pod is cheap. Pure. */
import { createHash } from 'node:crypto';
import { selectorFromLabelSelector, type LabelMatcher } from '../../../api/selectors.ts';
import type {
  IPBlock,
  LabelSelector,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/types.gen.ts';
import { protocolNumbers, type Direction, type PortRange } from './table.ts';

/** Pods that a peer or a named port means. Selectors that say the same have the same id. */
export interface PodSelection {
  readonly id: string;
  /** For people. */
  readonly about: string;
  /** The one namespace that is looked at; undefined: those that `namespaces` takes. */
  readonly namespace: string | undefined;
  readonly namespaces: LabelMatcher;
  readonly pods: LabelMatcher;
}

/** A port by its name, which each pod numbers by itself. */
export interface PortName {
  readonly name: string;
  readonly protocol: string;
}

export interface CompiledPorts {
  readonly ranges: readonly PortRange[];
  readonly names: readonly PortName[];
}

export interface CompiledPeers {
  readonly pods: readonly PodSelection[];
  readonly blocks: readonly IPBlock[];
}

/** What is missing is no condition. */
export interface CompiledRule {
  readonly peers?: CompiledPeers;
  readonly ports?: CompiledPorts;
}

export interface CompiledPolicy {
  readonly key: string;
  readonly namespace: string;
  /** Which pods of its namespace it isolates. */
  readonly selects: LabelMatcher;
  /** Missing: this direction is no concern of it. */
  readonly ingress?: readonly CompiledRule[];
  readonly egress?: readonly CompiledRule[];
}

/** Digits that tell names apart; 12 of them leave room in the 31 that ipset has. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
}

const everyPort = { first: 0, last: 65_535 } as const;

/** In one order, whatever order it was written in. */
function normalized(selector: LabelSelector | undefined): unknown {
  if (selector === undefined) return null;
  const sort = (list: unknown[]): string[] => list.map((one) => JSON.stringify(one)).sort();
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => [
    key,
    operator,
    [...values].sort(),
  ]);
  return [sort(Object.entries(selector.matchLabels ?? {})), sort(expressions)];
}

function printed(selector: LabelSelector | undefined): string {
  const parts = [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
      [key, operator, ...(values.length === 0 ? [] : [`(${values.join(',')})`])].join(' '),
    ),
  ];
  return parts.length === 0 ? 'all' : parts.join(' and ');
}

/** A selector that cannot be read takes nobody: the API refuses such, and nothing is opened by what is not understood. */
function matcherOf(selector: LabelSelector | undefined): LabelMatcher {
  try {
    return selectorFromLabelSelector(selector);
  } catch {
    return () => false;
  }
}

function selectionOf(policyNamespace: string, peer: NetworkPolicyPeer): PodSelection {
  const { namespaceSelector, podSelector = {} } = peer;
  const namespace = namespaceSelector === undefined ? policyNamespace : undefined;
  const where = namespace === undefined ? `namespaces ${printed(namespaceSelector)}` : `namespace ${namespace}`;
  return {
    id: hashOf([namespace ?? null, normalized(namespaceSelector), normalized(podSelector)]),
    about: `pods ${printed(podSelector)} of ${where}`,
    namespace,
    namespaces: matcherOf(namespaceSelector),
    pods: matcherOf(podSelector),
  };
}

/** Every pod there is: whom a named port of egress to anybody may be. */
export const everyPod: PodSelection = selectionOf('', { namespaceSelector: {} });

function compilePorts(ports: readonly NetworkPolicyPort[] | undefined): CompiledPorts | undefined {
  if (ports === undefined || ports.length === 0) return undefined;
  const ranges: PortRange[] = [];
  const names: PortName[] = [];
  for (const { protocol = 'TCP', port, endPort } of ports) {
    const number = protocolNumbers[protocol];
    if (number === undefined) continue;
    if (typeof port === 'string') names.push({ name: port, protocol });
    else if (port === undefined) ranges.push({ protocol: number, ...everyPort });
    else ranges.push({ protocol: number, first: port, last: endPort ?? port });
  }
  return { ranges, names };
}

function compilePeers(namespace: string, peers: readonly NetworkPolicyPeer[] | undefined): CompiledPeers | undefined {
  if (peers === undefined || peers.length === 0) return undefined;
  return {
    pods: peers.filter(({ ipBlock }) => ipBlock === undefined).map((peer) => selectionOf(namespace, peer)),
    blocks: peers.flatMap(({ ipBlock }) => ipBlock ?? []),
  };
}

interface AnyRule {
  readonly ports: readonly NetworkPolicyPort[] | undefined;
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
}

function compileRules(namespace: string, rules: readonly AnyRule[]): CompiledRule[] {
  return rules.map((rule) => {
    const [peers, ports] = [compilePeers(namespace, rule.peers), compilePorts(rule.ports)];
    return { ...(peers === undefined ? {} : { peers }), ...(ports === undefined ? {} : { ports }) };
  });
}

/** Directions as the API defaults them, for an object that came without. */
function typesOf({ spec }: NetworkPolicy): readonly string[] {
  const { policyTypes = [], egress = [] } = spec ?? {};
  if (policyTypes.length > 0) return policyTypes;
  return egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

/** See {@link CompiledPolicy}. */
export function compilePolicy(policy: NetworkPolicy): CompiledPolicy {
  const { namespace = '', name = '' } = policy.metadata;
  const { podSelector = {}, ingress = [], egress = [] } = policy.spec ?? {};
  const types = typesOf(policy);
  const rules = {
    ingress: ingress.map(({ ports, from }) => ({ ports, peers: from })),
    egress: egress.map(({ ports, to }) => ({ ports, peers: to })),
  };
  const compiled = (type: string, direction: Direction): { [D in Direction]?: readonly CompiledRule[] } =>
    types.includes(type) ? { [direction]: compileRules(namespace, rules[direction]) } : {};
  return {
    key: `${namespace}/${name}`,
    namespace,
    selects: matcherOf(podSelector),
    ...compiled('Ingress', 'ingress'),
    ...compiled('Egress', 'egress'),
  };
}
