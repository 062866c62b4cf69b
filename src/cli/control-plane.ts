/** Puts the control plane together: one process, one store, and everything else as clients of the API over loopback. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseCIDR } from '../api/addresses.ts';
import type { ApiClient } from '../api/client.ts';
import { createEventRecorder } from '../api/event-recorder.ts';
import { createApiClient } from '../api/http-client.ts';
import { parseKubeconfig } from '../api/kubeconfig.ts';
import { createLogger, type Logger } from '../api/logger.ts';
import { createInformerFactory } from '../api/shared-informers.ts';
import { startApiServer } from '../apiserver/index.ts';
import { startControllers, type PodRange } from '../controllers/index.ts';
import { runProcess } from '../kernel/run-process.ts';
import { startPodRoutes } from '../network/index.ts';
import { startScheduler } from '../scheduler/index.ts';
import { openEmbeddedStore } from '../store/embedded/index.ts';
import { parseCIDRs, parseLoadBalancerRanges } from './cidr-list.ts';
import type { ControlPlaneArguments } from './commands/control-plane.ts';
import { shutdownSignal } from './shutdown.ts';

/** Runs until SIGTERM. Rejects when a file is missing or the port is taken. */
export async function runControlPlane(argv: ControlPlaneArguments): Promise<void> {
  const signal = shutdownSignal();
  const logger = createLogger((line) => process.stdout.write(line));
  const folder = argv['state-dir'];
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const store = await openEmbeddedStore({ path: join(folder, 'store'), logger });
  const server = await startApiServer({
    store,
    listen: { host: argv['bind-address'], port: argv['secure-port'] },
    tls: { cert: file('apiserver.crt'), key: file('apiserver.key'), clientCA: file('ca.crt') },
    serviceAccountKey: {
      publicPem: file('sa.pub'),
      privatePem: file('sa.key'),
      issuer: argv['service-account-issuer'],
    },
    serviceCIDR: parseCIDRs('service-cluster-ip-range', argv['service-cluster-ip-range']).join(),
    nodePortRange: argv['service-node-port-range'],
    kubeletClient: {
      cert: file('apiserver-kubelet-client.crt'),
      key: file('apiserver-kubelet-client.key'),
      ca: file('ca.crt'),
    },
    advertiseAddress: argv['advertise-address'],
    logger,
  });
  logger.info('API server listens', { port: server.port });
  const clients = startClients(argv, { file, logger, signal });
  if (!signal.aborted) await once(signal, 'abort');
  for (const client of clients) client.close();
  await server.close();
  await store.close();
  process.exit(0);
}

interface Parts {
  readonly file: (name: string) => string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The flags of one family win over the one for both. */
function podRanges(argv: ControlPlaneArguments): PodRange[] {
  const both = argv['node-cidr-mask-size'];
  const sizes = { 4: argv['node-cidr-mask-size-ipv4'] ?? both ?? 24, 6: argv['node-cidr-mask-size-ipv6'] ?? 64 };
  return parseCIDRs('cluster-cidr', argv['cluster-cidr']).map((cidr) => ({
    cidr,
    nodeMaskSize: sizes[parseCIDR(cidr).family],
  }));
}

/** Whoever set this up may have kept the CA's key elsewhere: then nobody signs here. */
function certificateOptions(argv: ControlPlaneArguments, file: Parts['file']) {
  const serving = new X509Certificate(file('apiserver.crt'));
  const isApiServer = (name: string): boolean =>
    (isIP(name) === 0 ? serving.checkHost(name) : serving.checkIP(name)) !== undefined;
  if (!existsSync(join(argv['state-dir'], 'ca.key'))) return { isApiServer };
  const authority = { certPem: file('ca.crt'), keyPem: file('ca.key') };
  return { isApiServer, signer: { authority, signingSeconds: argv['cluster-signing-duration'] } };
}

/** Controllers and scheduler sign in as Kubernetes' own users, each with informers of its own. */
function startClients(argv: ControlPlaneArguments, { file, logger, signal }: Parts): ApiClient[] {
  const connect = (name: string) => {
    const own = logger.with({ component: name });
    const client = createApiClient(parseKubeconfig(file(`${name}.kubeconfig`)));
    return { client, logger: own, signal, informers: createInformerFactory(client, { logger: own, signal }) };
  };
  const controllers = connect('controller-manager');
  startControllers({
    ...controllers,
    podRanges: podRanges(argv),
    loadBalancerRanges: parseLoadBalancerRanges('load-balancer-cidr', argv['load-balancer-cidr']),
    nodeMonitorGracePeriodMs: argv['node-monitor-grace-period'] * 1000,
    rootCA: file('ca.crt'),
    ...certificateOptions(argv, file),
  });
  if (argv['pod-routes']) startPodRoutes({ exec: { run: runProcess }, ...controllers });
  const scheduler = connect('scheduler');
  const events = createEventRecorder(scheduler.client, { component: 'default-scheduler', logger: scheduler.logger });
  startScheduler({ ...scheduler, events });
  return [controllers.client, scheduler.client];
}
