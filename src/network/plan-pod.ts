/** Plans one pod's namespace, link, addresses and routes. Pure: what is there goes in, lines for `ip -batch` come out. */
import type { Change } from '../kernel/change.ts';
import type { Link } from '../kernel/ip.ts';
import type { PodBandwidth } from './contract.ts';
import { doomedGroup, parsePodAlias, podInterface, shaperOf, type PodMark } from './names.ts';
import { bandwidthLines } from './plan-bandwidth.ts';
import { addressFlags } from './plan-node.ts';

/** One of a pod's addresses; one a family. */
export interface PodAddress {
  readonly ip: string;
  readonly prefixLength: number;
  /** The bridge's address in the same prefix. */
  readonly gateway: string;
}

export interface DesiredPod {
  readonly netns: string;
  readonly link: string;
  /** The name of its own end. */
  readonly ifname: string;
  readonly alias: string;
  /** `namespace/name`, for the reason of each change. */
  readonly pod: string;
  readonly addresses: readonly PodAddress[];
  readonly mac: string;
  readonly mtu: number;
  readonly bridge: { readonly name: string; readonly mac: string };
  readonly bandwidth?: PodBandwidth | undefined;
}

export interface ObservedPod {
  readonly netns: boolean;
  /** The namespace is there, but somebody else made it just now: it has none of our settings. */
  readonly isForeign?: boolean;
  readonly link: boolean;
  /** The ifb link of a pod whose own packets are limited. As `link` when left out. */
  readonly shaper?: boolean;
}

export interface PodPlan {
  readonly changes: readonly Change[];
  /** In the node's namespace, first. */
  readonly nodeLines: readonly string[];
  /** For `tc -batch` there, then; none for a pod without limits. That something exists is no failure here. */
  readonly trafficLines: readonly string[];
  /** In the pod's namespace, then. The pod's own end comes up here, after all else stands. That something exists is no failure here. */
  readonly podLines: readonly string[];
}

/**
 * Given to a namespace before it has a link, so that its link begins with them. A pod that sends router advertisements would
 * else become the default route of its neighbours, of those without an IPv6 address too (CVE-2020-10749); a redirect names a way past
 * the translation; an address that is waited for (DAD) is none for two seconds. `-e`: a kernel without IPv6 has none of them.
 */
const namespaceSettings = ['accept_ra', 'accept_redirects', 'accept_dad']
  .map((name) => `net.ipv6.conf.default.${name}=0`)
  .join(' ');

/** What has to be there first. An alias is all that tells whom the ifb link is for: it comes before the one by which the pod is adopted. */
function madeFirst({ netns, link, ifname, alias, mac, mtu, bandwidth }: DesiredPod, observed: ObservedPod) {
  const isShaped = bandwidth?.egress !== undefined && !(observed.shaper ?? observed.link);
  const shaper = { line: `link add ${shaperOf(link)} mtu ${mtu} type ifb`, object: `link ${shaperOf(link)}` };
  const shaperUp = { line: `link set dev ${shaperOf(link)} alias "${alias}" up`, object: `alias of ${shaperOf(link)}` };
  return [
    ...(observed.netns ? [] : [{ line: `netns add ${netns}`, object: `namespace ${netns}` }]),
    ...(observed.netns && observed.isForeign !== true
      ? []
      : [{ line: `netns exec ${netns} sysctl -e -q -w ${namespaceSettings}`, object: `settings of ${netns}` }]),
    ...(observed.link
      ? []
      : [
          {
            line: `link add ${link} mtu ${mtu} type veth peer name ${ifname} mtu ${mtu} address ${mac} netns ${netns}`,
            object: `link ${link}`,
          },
        ]),
    ...(isShaped ? [shaper, shaperUp] : []),
  ];
}

/** A link that is not the pod's first takes the default route only where there is none. */
function defaultRoute(ifname: string, gateway: string): string {
  return ifname === podInterface
    ? `route replace default via ${gateway}`
    : `route add default via ${gateway} dev ${ifname}`;
}

/** Every line may be carried out again: a set-up that was cut off is completed by the same plan. */
export function planPodSetUp(desired: DesiredPod, observed: ObservedPod): PodPlan {
  const { link, ifname, alias, pod, addresses, mac, bridge, bandwidth } = desired;
  const made = madeFirst(desired, observed);
  return {
    changes: [
      ...made.map(({ object }) => ({ action: 'add', object, reason: `for ${pod}` })),
      ...addresses.map(({ ip }) => ({ action: 'set', object: `address ${ip} on ${link}`, reason: `for ${pod}` })),
    ],
    nodeLines: [
      ...made.map(({ line }) => line),
      `link set dev ${link} alias "${alias}" master ${bridge.name} up`,
      // With br_netfilter a translated packet may have to leave through the port it came in by.
      `link set dev ${link} type bridge_slave hairpin on`,
      ...addresses.map(({ ip }) => `neigh replace ${ip} lladdr ${mac} dev ${bridge.name} nud permanent`),
    ],
    trafficLines: bandwidth === undefined ? [] : bandwidthLines({ ...desired, bandwidth }),
    podLines: [
      'link set dev lo up',
      ...addresses.map(
        ({ ip, prefixLength }) => `address replace ${ip}/${prefixLength} dev ${ifname}${addressFlags(ip)}`,
      ),
      `link set dev ${ifname} up`,
      ...addresses.flatMap(({ gateway }) => [
        `neigh replace ${gateway} lladdr ${bridge.mac} dev ${ifname} nud permanent`,
        defaultRoute(ifname, gateway),
      ]),
    ],
  };
}

/** What is to go of one pod. */
export interface DoomedPod {
  readonly netns: string;
  readonly link: string;
  readonly ips: readonly string[];
  /** It may have an ifb link. */
  readonly isShaped?: boolean;
}

/**
 * Takes pods away; lines for what is not there fail harmlessly. Links go as one group: the kernel waits out its readers
 * (10 ms and more) once for all of them, not once for each.
 */
export function planPodTearDown(pods: readonly DoomedPod[], bridge: string): string[] {
  return [
    ...pods
      .flatMap(({ link, isShaped }) => (isShaped === true ? [link, shaperOf(link)] : [link]))
      .map((link) => `link set dev ${link} group ${doomedGroup}`),
    `link delete group ${doomedGroup}`,
    ...pods.map(({ netns }) => `netns delete ${netns}`),
    // `neigh delete` of what is not there ends all of `ip`, and the lines behind it are lost (iproute2 6.1): a bridge that was down has none.
    ...pods.flatMap(({ ips }) => ips.map((ip) => `neigh flush to ${ip} dev ${bridge} nud all`)),
  ];
}

/** A pod whose link and namespace are both there. */
export interface AdoptedPod extends PodMark {
  readonly netns: string;
  readonly link: string;
}

export interface AdoptionPlan {
  readonly pods: readonly AdoptedPod[];
  /** Takes away what a set-up or a tear-down that was cut off has left. */
  readonly lines: readonly string[];
  readonly changes: readonly Change[];
}

const linkPattern = /^pw([0-9a-f]{8})$/;
const shaperPattern = /^pwi([0-9a-f]{8})$/;
const netnsPattern = /^pw-([0-9a-f]{8})$/;

/** Ours, as a pod's link is, and of no pod. */
function lonelyShapers(
  links: readonly Link[],
  present: ReadonlySet<string>,
  pods: ReadonlySet<string>,
): readonly string[] {
  const isLonely = ({ name, kind, alias }: Link): boolean => {
    const number = shaperPattern.exec(name)?.[1];
    const netns = `pw-${number}`;
    if (number === undefined || kind !== 'ifb' || pods.has(netns)) return false;
    return parsePodAlias(alias) !== undefined || present.has(netns);
  };
  return links.filter(isLonely).map(({ name }) => name);
}

/**
 * What is there that nobody knows of: whole pods are adopted as they are; halves are undone. The namespace is made first and is
 * ours by its name, so a link that has not got its alias yet is ours when the namespace of the same number is there. `known`:
 * namespaces of pods that are looked after; neither they nor their links are touched. `remembered`:
 * one of these whose namespace is there runs, though somebody has deleted its link: it is adopted without.
 */
export function planAdoption(
  links: readonly Link[],
  namespaces: readonly string[],
  known: ReadonlySet<string> = new Set(),
  remembered: readonly AdoptedPod[] = [],
): AdoptionPlan {
  const pods: AdoptedPod[] = [];
  const deletions: (readonly [kind: 'link' | 'netns', name: string, reason: string])[] = [];
  const adopted = new Set<string>();
  const present = new Set(namespaces);
  for (const { name, kind, alias } of links) {
    const number = linkPattern.exec(name)?.[1];
    if (number === undefined || kind !== 'veth') continue;
    const netns = `pw-${number}`;
    if (known.has(netns)) continue;
    const mark = parsePodAlias(alias);
    if (mark !== undefined && present.has(netns)) {
      pods.push({ ...mark, netns, link: name });
      adopted.add(netns);
    } else if (mark !== undefined || present.has(netns)) {
      deletions.push(['link', name, 'left by a set-up that was cut off']);
    }
  }
  const linkless = remembered.filter(({ netns }) => present.has(netns) && !known.has(netns) && !adopted.has(netns));
  pods.push(...linkless);
  const looked = new Set([...known, ...adopted, ...linkless.map(({ netns }) => netns)]);
  for (const name of lonelyShapers(links, present, looked)) deletions.push(['link', name, 'no pod is behind it']);
  for (const netns of namespaces.filter((name) => netnsPattern.test(name) && !looked.has(name)))
    deletions.push(['netns', netns, 'no link leads to it']);
  return {
    pods,
    lines: deletions.map(([kind, name]) => `${kind} delete ${name}`),
    changes: deletions.map(([kind, name, reason]) => ({ action: 'delete', object: `${kind} ${name}`, reason })),
  };
}
