/** The ReplicaSet for a Deployment's current template. */
import { ownerReference } from '../../api/owner.ts';
import { deployments } from '../../api/resources.ts';
import type { Deployment, ReplicaSet } from '../../api/types.gen.ts';
import { withKind } from '../controller.ts';
import { newestAnnotations, sizeAnnotations } from './annotations.ts';
import { templateHash, templateHashLabel } from './template-hash.ts';

/** A DNS subdomain has at most 253 characters. */
const maxName = 253;

/** Its name follows from the template, so that making it twice is harmless. Throws when the Deployment has no UID. */
export function newReplicaSet(
  deployment: Deployment,
  replicas: number,
  revision: bigint,
  maxSurge: number,
): ReplicaSet {
  const { spec } = deployment;
  if (spec === undefined) throw new Error('a Deployment without a spec');
  const hash = templateHash(spec.template, deployment.status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [templateHashLabel]: hash };
  const name = `${(deployment.metadata.name ?? '').slice(0, maxName - hash.length - 1)}-${hash}`;
  return {
    metadata: {
      name,
      ...(deployment.metadata.namespace === undefined ? {} : { namespace: deployment.metadata.namespace }),
      labels,
      annotations: {
        ...newestAnnotations(deployment, undefined, revision),
        ...sizeAnnotations(spec.replicas ?? 1, maxSurge),
      },
      ownerReferences: [ownerReference(withKind(deployments, deployment), { controller: true })],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [templateHashLabel]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}
