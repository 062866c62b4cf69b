/** The pod network as a process of its own, for runtimes that call CNI: needs to list and watch Nodes and Pods. */
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEventRecorder } from '../api/event-recorder.ts';
import { createLogger } from '../api/logger.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import { createRunner } from '../kernel/runner.ts';
import { createNodeNetwork, installCni, openCniMemory, startCniServer, type NodeNetwork } from '../network/index.ts';
import type { NetworkArguments } from './commands/network.ts';
import { createFollowedClient } from './followed-client.ts';
import { shutdownSignal } from './shutdown.ts';

const lookMs = 100;
/** A configuration before there are addresses would make a runtime call the node's network ready. */
async function installWhenReady(network: NodeNetwork, argv: NetworkArguments, signal: AbortSignal): Promise<void> {
  while (!network.ready) await sleep(lookMs, undefined, { signal });
  const { 'cni-bin-dir': binDir, 'cni-conf-dir': confDir, 'cni-socket': socket } = argv;
  await installCni({ socket, binDir, confDir });
}

/** Runs until SIGTERM; links, routes and rules outlive it. Rejects when the kubeconfig cannot be used, or the plugin cannot be written. */
export async function runNetwork(argv: NetworkArguments): Promise<void> {
  const signal = shutdownSignal();
  const nodeName = argv['hostname-override'];
  const logger = createLogger((line) => process.stdout.write(line), { node: nodeName });
  const client = createFollowedClient(argv.kubeconfig, { logger, signal });
  const runner = await createRunner({ logger });
  const network = createNodeNetwork({
    exec: runner,
    nodeName,
    nodeIPs: argv['node-ip'],
    clusterCIDRs: argv['cluster-cidr'],
    informers: createInformerFactory(client, { logger, signal }),
    events: createEventRecorder(client, { component: 'podwire-network', host: nodeName, logger }),
    logger,
    signal,
  });
  const socket = argv['cni-socket'];
  const memory = await openCniMemory({ exec: runner, folder: join(dirname(socket), 'pods'), logger });
  await network.start(memory.all());
  await startCniServer({ exec: runner, network, memory, socket, logger, signal });
  await installWhenReady(network, argv, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  if (!signal.aborted) await once(signal, 'abort');
  client.close();
  await runner.close();
  process.exit(0);
}
