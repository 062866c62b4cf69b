/** For tests: clusters by dice, small enough that every selector, block and port is hit now and then. */
import type {
  LabelSelector,
  Namespace,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  Pod,
} from '../../../api/types.gen.ts';

export type Dice = (sides: number) => number;

/** The same numbers for the same seed (mulberry32). */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
}

const pick = <T>(dice: Dice, list: readonly T[]): T => list[dice(list.length)] as T;
const some = <T>(dice: Dice, most: number, make: () => T): T[] => Array.from({ length: dice(most + 1) }, make);

const keys = ['app', 'tier'] as const;
const values = ['a', 'b', 'c'] as const;
export const namespaceNames = ['n1', 'n2', 'n3'] as const;
export const protocols = ['TCP', 'UDP', 'SCTP'] as const;

export function randomLabels(dice: Dice): Record<string, string> {
  return Object.fromEntries(keys.filter(() => dice(3) > 0).map((key) => [key, pick(dice, values)]));
}

export function randomNamespace(dice: Dice, name: string): Namespace {
  return { metadata: { name, labels: randomLabels(dice) } };
}

/** Both families, or one; now and then in the node's network, or ended. */
export function randomPod(dice: Dice, number: number): Pod {
  const ips = [`10.1.0.${number}`, `fd00::${number.toString(16)}`].filter(() => dice(6) > 0);
  return {
    metadata: {
      namespace: pick(dice, namespaceNames),
      name: `p${number}`,
      uid: `u${number}`,
      labels: randomLabels(dice),
    },
    spec: {
      ...(dice(10) === 0 ? { hostNetwork: true } : {}),
      containers: [
        {
          name: 'c',
          ports: [
            { name: 'web', containerPort: 80 + dice(3), protocol: pick(dice, protocols) },
            { name: 'dns', containerPort: 53 + dice(2), protocol: 'UDP' },
          ],
        },
      ],
    },
    status: { phase: dice(10) === 0 ? 'Succeeded' : 'Running', podIPs: ips.map((ip) => ({ ip })) },
  };
}

function randomSelector(dice: Dice): LabelSelector {
  const expression = () => {
    const operator = pick(dice, ['In', 'NotIn', 'Exists', 'DoesNotExist']);
    const isList = operator === 'In' || operator === 'NotIn';
    return { key: pick(dice, keys), operator, ...(isList ? { values: [pick(dice, values)] } : {}) };
  };
  return {
    ...(dice(2) === 0 ? {} : { matchLabels: { [pick(dice, keys)]: pick(dice, values) } }),
    ...(dice(3) > 0 ? {} : { matchExpressions: [expression()] }),
  };
}

const blocks = [
  { cidr: '0.0.0.0/0' },
  { cidr: '10.1.0.0/24', except: ['10.1.0.4/30', '10.1.0.1/32'] },
  { cidr: '10.1.0.0/29' },
  { cidr: '192.0.2.0/24', except: ['192.0.2.0/25', '192.0.2.64/26'] },
  { cidr: '::/0', except: ['fd00::8/125'] },
  { cidr: 'fd00::/125' },
];

function randomPeer(dice: Dice): NetworkPolicyPeer {
  const kind = dice(4);
  if (kind === 0) return { ipBlock: pick(dice, blocks) };
  return {
    ...(kind === 1 ? {} : { podSelector: randomSelector(dice) }),
    ...(kind === 2 ? {} : { namespaceSelector: randomSelector(dice) }),
  };
}

function randomPort(dice: Dice): NetworkPolicyPort {
  const kind = dice(4);
  const protocol = pick(dice, protocols);
  if (kind === 0) return { protocol };
  if (kind === 1) return { protocol, port: pick(dice, ['web', 'dns', 'none']) };
  return { protocol, port: 79 + dice(4), ...(kind === 2 ? { endPort: 83 + dice(3) } : {}) };
}

export function randomPolicy(dice: Dice, number: number): NetworkPolicy {
  const types = pick(dice, [['Ingress'], ['Egress'], ['Ingress', 'Egress'], undefined]);
  return {
    metadata: { namespace: pick(dice, namespaceNames), name: `np${number}` },
    spec: {
      podSelector: randomSelector(dice),
      ingress: some(dice, 2, () => ({
        from: some(dice, 2, () => randomPeer(dice)),
        ports: some(dice, 2, () => randomPort(dice)),
      })),
      egress: some(dice, 2, () => ({
        to: some(dice, 2, () => randomPeer(dice)),
        ports: some(dice, 2, () => randomPort(dice)),
      })),
      ...(types === undefined ? {} : { policyTypes: types }),
    },
  };
}
