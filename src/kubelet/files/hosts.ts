/** The text of a pod's /etc/hosts. Pure. */
import type { HostAlias } from '../../api/types.gen.ts';

export interface HostsInput {
  readonly ips: readonly string[];
  readonly hostname: string;
  /** `HOSTNAME.SUBDOMAIN.NAMESPACE.svc.DOMAIN`, for pods with a subdomain. */
  readonly fqdn: string | undefined;
  readonly aliases: readonly HostAlias[];
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}

/** For a pod with addresses of its own. */
export function podHosts({ ips, hostname, fqdn, aliases }: HostsInput): string {
  const names = fqdn === undefined ? hostname : `${fqdn}\t${hostname}`;
  return [
    '# Kubernetes-managed hosts file.\n',
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...ips.map((ip) => `${ip}\t${names}\n`),
    aliasLines(aliases),
  ].join('');
}

/** For a pod on the node's own network: the node's file, and the pod's aliases. */
export function hostNetworkHosts(nodeFile: string, aliases: readonly HostAlias[]): string {
  return `# Kubernetes-managed hosts file (host network).\n${nodeFile}${aliasLines(aliases)}`;
}
