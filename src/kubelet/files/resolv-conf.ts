/** A pod's /etc/resolv.conf, from its dnsPolicy, dnsConfig and the node's own file. Pure. */
import type { Pod } from '../../api/types.gen.ts';

export interface ClusterDNS {
  readonly domain: string;
  /** Addresses of the cluster's DNS; none: pods get the node's. */
  readonly servers: readonly string[];
}

interface Resolver {
  servers: string[];
  searches: string[];
  options: string[];
}

const maxServers = 3;
const maxSearches = 32;
const maxSearchLength = 2048;

/** What is in a resolv.conf. */
export function parseResolvConf(text: string): Resolver {
  const resolver: Resolver = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0] !== undefined) resolver.servers.push(rest[0]);
    else if (word === 'search' || word === 'domain') resolver.searches = rest;
    else if (word === 'options') resolver.options.push(...rest);
  }
  return resolver;
}

function base(pod: Pod, cluster: ClusterDNS, node: Resolver): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec ?? {};
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  const wantsCluster =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true);
  if (!wantsCluster || cluster.servers.length === 0) return node;
  const namespace = pod.metadata.namespace ?? 'default';
  const { domain } = cluster;
  return {
    servers: [...cluster.servers],
    searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...node.searches],
    options: ['ndots:5'],
  };
}

function mergeOptions(first: readonly string[], second: readonly string[]): string[] {
  const byName = new Map([...first, ...second].map((option) => [option.split(':', 1)[0], option]));
  return [...byName.values()];
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}

function fitSearches(searches: readonly string[]): string[] {
  const fitting: string[] = [];
  for (const search of unique(searches).slice(0, maxSearches)) {
    if ([...fitting, search].join(' ').length > maxSearchLength) break;
    fitting.push(search);
  }
  return fitting;
}

/** The file's text. More servers or searches than resolvers take are cut off. */
export function podResolvConf(pod: Pod, cluster: ClusterDNS, nodeResolvConf: string): string {
  const start = base(pod, cluster, parseResolvConf(nodeResolvConf));
  const own = pod.spec?.dnsConfig;
  const ownOptions = (own?.options ?? []).map(({ name = '', value }) =>
    value === undefined || value === '' ? name : `${name}:${value}`,
  );
  const servers = unique([...start.servers, ...(own?.nameservers ?? [])]).slice(0, maxServers);
  const searches = fitSearches([...start.searches, ...(own?.searches ?? [])]);
  const options = mergeOptions(start.options, ownOptions);
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}\n`]),
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}\n`]),
  ].join('');
}
