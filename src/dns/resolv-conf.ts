/** Which servers are asked about other names: from flags, or from a resolv.conf. Pure. */
import { parseIP } from '../api/addresses.ts';
import type { UpstreamServer } from './upstream/exchange.ts';

const dnsPort = 53;

/** `10.0.0.1`, `10.0.0.1:5353`, `[fd00::1]:53`. Throws when it is none. */
export function parseServer(text: string): UpstreamServer {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = /^([^:]+)(?::(\d+))?$/.exec(text);
  const [, address = text, port] = bracketed ?? plain ?? [];
  const number = port === undefined ? dnsPort : Number(port);
  if (parseIP(address) === undefined || number < 1 || number > 65_535)
    throw new Error(`"${text}" is not ADDRESS or ADDRESS:PORT of a DNS server`);
  return { address, port: number };
}

/** `corp.example=10.0.0.1,10.0.0.2`. Throws when it is none. */
export function parseStubDomain(text: string): readonly [string, readonly UpstreamServer[]] {
  const [domain = '', servers = ''] = text.split('=');
  if (!/^[\w-]+(\.[\w-]+)*\.?$/.test(domain) || servers === '')
    throw new Error(`"${text}" is not DOMAIN=ADDRESS,ADDRESS`);
  return [domain.replace(/\.$/, '').toLowerCase(), servers.split(',').map(parseServer)];
}

/** The name servers of a resolv.conf. Those at `own` addresses are left out: they would ask themselves. */
export function serversOfResolvConf(text: string, own: readonly string[]): readonly UpstreamServer[] {
  return text.split('\n').flatMap((line) => {
    const [word, address = ''] = line.trim().split(/\s+/);
    const isServer = word === 'nameserver' && parseIP(address) !== undefined && !own.includes(address);
    return isServer ? [{ address, port: dnsPort }] : [];
  });
}
