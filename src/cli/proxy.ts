/** The Service proxy as a process of its own, in the place of kube-proxy: needs what its role system:node-proxier allows. */
import { once } from 'node:events';
import { createEventRecorder } from '../api/event-recorder.ts';
import { createLogger } from '../api/logger.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import { createRunner } from '../kernel/runner.ts';
import { cleanUpAll, startProxy } from '../proxy/index.ts';
import type { ProxyArguments } from './commands/proxy.ts';
import { createFollowedClient } from './followed-client.ts';
import { parsePeriodMs } from './seconds.ts';
import { shutdownSignal } from './shutdown.ts';

/** Runs until SIGTERM; rules outlive it, but for `--cleanup`, which removes them and ends. Rejects when the kubeconfig cannot be used, or this machine cannot do the mode. */
export async function runProxy(argv: ProxyArguments): Promise<void> {
  const signal = shutdownSignal();
  const nodeName = argv['hostname-override'];
  const logger = createLogger((line) => process.stdout.write(line), { node: nodeName });
  const runner = await createRunner({ logger });
  if (argv.cleanup) {
    const isClean = await cleanUpAll({ exec: runner, logger });
    await runner.close();
    process.exit(isClean ? 0 : 1);
  }
  const client = createFollowedClient(argv.kubeconfig, { logger, signal });
  const informers = createInformerFactory(client, { logger, signal });
  await startProxy({
    exec: runner,
    nodeName,
    clusterCIDR: argv['cluster-cidr'],
    mode: argv['proxy-mode'],
    nodePortAddresses: argv['nodeport-addresses'],
    localhostNodePorts: argv['localhost-nodeports'],
    auditIntervalMs: parsePeriodMs(argv['iptables-sync-period']),
    metricsAddress: argv['metrics-bind-address'],
    healthzAddress: argv['healthz-bind-address'],
    informers,
    events: createEventRecorder(client, { component: 'kube-proxy', host: nodeName, logger }),
    logger,
    signal,
  });
  if (!signal.aborted) await once(signal, 'abort');
  client.close();
  await runner.close();
  process.exit(0);
}
