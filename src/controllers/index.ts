/** All controllers of the control plane, over one set of informers. */
import type { ApiClient } from '../api/client.ts';
import { createEventRecorder, type EventRecorder } from '../api/event-recorder.ts';
import type { InformerFactory } from '../api/informer.ts';
import type { Logger } from '../api/logger.ts';
import { startCertificateApprover, type ApproverOptions } from './certificates/approver.ts';
import { startCertificateCleaner } from './certificates/cleaner.ts';
import { startCertificateSigner, type SignerOptions } from './certificates/signer.ts';
import { startClusterRoleAggregation } from './cluster-role-aggregation.ts';
import type { ControllerContext } from './controller.ts';
import { startDaemonSetController } from './daemonset/controller.ts';
import { startDeploymentController } from './deployment/controller.ts';
import { startEndpointsController } from './endpoints/endpoints-controller.ts';
import { startEndpointSliceMirroringController } from './endpoints/mirroring-controller.ts';
import { startEndpointSliceController } from './endpoints/slice-controller.ts';
import { startGarbageCollector } from './garbage/controller.ts';
import { startLoadBalancerController, type LoadBalancerOptions } from './load-balancer/controller.ts';
import { startNamespaceController } from './namespace/controller.ts';
import { startNodeIpamController, type NodeIpamOptions } from './node/ipam-controller.ts';
import { startNodeLifecycleController } from './node/lifecycle-controller.ts';
import { startTaintEvictionController } from './node/taint-eviction-controller.ts';
import { startPodGc } from './pod-gc.ts';
import { startReplicaSetController, startReplicationController } from './replicaset/controller.ts';
import { startRootCaPublisher } from './root-ca-publisher.ts';
import { startIPAddressesController } from './service-addresses/ip-addresses-controller.ts';
import { startServiceCIDRsController } from './service-addresses/service-cidrs-controller.ts';
import { startServiceAccountController } from './service-accounts.ts';
import { startTokenCleaner } from './token-cleaner.ts';

export type { LoadBalancerRange } from './load-balancer/segment.ts';
export type { PodRange } from './node/node-ranges.ts';

export interface ControllersOptions extends LoadBalancerOptions, NodeIpamOptions, ApproverOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  /** Where events go. Left out, each controller speaks under its own component name, as upstream's do. */
  readonly events?: EventRecorder;
  readonly logger: Logger;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  readonly nodeMonitorGracePeriodMs: number;
  /** PEM text, published as ConfigMap `kube-root-ca.crt` in every namespace. */
  readonly rootCA: string;
  /** Without the CA's key nobody signs: CertificateSigningRequests wait. */
  readonly signer?: SignerOptions | undefined;
}

/** Starts every controller and returns at once. Throws when the CIDRs make no sense. */
export function startControllers(options: ControllersOptions): void {
  const { client, informers, logger, signal } = options;
  const as = (component: string): ControllerContext => ({
    client,
    informers,
    logger,
    signal,
    now: () => new Date(),
    events: options.events ?? createEventRecorder(client, { component, logger }),
  });
  startServiceAccountController(as('serviceaccount-controller'));
  startRootCaPublisher(as('root-ca-certificate-publisher-controller'), options);
  startNodeIpamController(as('node-ipam-controller'), options);
  startNodeLifecycleController(as('node-controller'), options);
  startTaintEvictionController(as('taint-eviction-controller'));
  startDeploymentController(as('deployment-controller'));
  startReplicaSetController(as('replicaset-controller'));
  startReplicationController(as('replication-controller'));
  startDaemonSetController(as('daemonset-controller'));
  startEndpointSliceController(as('endpoint-slice-controller'));
  startEndpointSliceMirroringController(as('endpoint-slice-mirroring-controller'));
  startEndpointsController(as('endpoint-controller'));
  startServiceCIDRsController(as('service-cidr-controller'));
  startIPAddressesController(as('ipallocator-repair-controller'));
  startLoadBalancerController(as('service-controller'), options);
  startNamespaceController(as('namespace-controller'));
  startGarbageCollector(as('generic-garbage-collector'));
  startClusterRoleAggregation(as('clusterrole-aggregation-controller'));
  startCertificateApprover(as('certificate-controller'), options);
  if (options.signer !== undefined) startCertificateSigner(as('certificate-controller'), options.signer);
  startCertificateCleaner(as('certificate-controller'));
  startTokenCleaner(as('token-cleaner'));
  startPodGc(as('pod-garbage-collector-controller'));
}
