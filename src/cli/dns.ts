/** Cluster DNS as a process of its own: needs to list and watch Services, EndpointSlices, namespaces and pods. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseCIDR } from '../api/addresses.ts';
import { createLogger } from '../api/logger.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import { parseServer, parseStubDomain, serversOfResolvConf, startDns } from '../dns/index.ts';
import { untilAddressHere } from './address-wait.ts';
import type { DnsArguments } from './commands/dns.ts';
import { UsageError } from './errors.ts';
import { createFollowedClient } from './followed-client.ts';
import { shutdownSignal } from './shutdown.ts';

/** What a flag says, or an error that names the flag. */
function parsed<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Runs until SIGTERM. Rejects when a flag makes no sense or the port is taken. */
export async function runDns(argv: DnsArguments): Promise<void> {
  const signal = shutdownSignal();
  const logger = createLogger((line) => process.stdout.write(line));
  const servers =
    argv.upstream === undefined
      ? serversOfResolvConf(readFileSync(argv['resolv-conf'], 'utf8'), [argv['bind-address']])
      : parsed('--upstream', () => (argv.upstream ?? []).map(parseServer));
  const stubDomains = parsed('--stub-domain', () => new Map(argv['stub-domain'].map(parseStubDomain)));
  await untilAddressHere(argv['bind-address'], { logger, signal });
  const client = createFollowedClient(argv.kubeconfig, { logger, signal });
  const dns = await startDns({
    informers: createInformerFactory(client, { logger, signal }),
    zone: argv['cluster-domain'],
    host: argv['bind-address'],
    port: argv.port,
    healthPort: argv['health-port'],
    ttl: argv.ttl,
    autopath: argv.autopath,
    reverseCIDRs: parsed('--reverse-cidr', () =>
      argv['reverse-cidr'].flatMap((text) => text.split(',')).map(parseCIDR),
    ),
    snapshot: argv.snapshot,
    servers,
    stubDomains,
    logger,
  });
  if (!signal.aborted) await once(signal, 'abort');
  await dns.close();
  client.close();
  process.exit(0);
}
