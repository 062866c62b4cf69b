/** ReplicaSets and ReplicationControllers are one thing in two shapes: the controller works on the younger one. */
import type { KubeObject } from '../../api/client.ts';
import { replicaSets, replicationControllers, type ResourceType } from '../../api/resources.ts';
import type { ReplicaSet, ReplicaSetStatus, ReplicationController } from '../../api/types.gen.ts';
import type { Owner } from '../claim.ts';
import { withKind } from '../controller.ts';

export interface Kind<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** With its own kind and apiVersion, since it owns pods under those. */
  readonly asReplicaSet: (object: T) => ReplicaSet & Owner;
  readonly withStatus: (object: T, status: ReplicaSetStatus) => T;
}

export const replicaSetKind: Kind<ReplicaSet> = {
  type: replicaSets,
  asReplicaSet: (replicaSet) => withKind(replicaSets, replicaSet),
  withStatus: (replicaSet, status) => ({ ...replicaSet, status }),
};

/** Its selector is a map of labels, and its status does not count pods that are going. */
export const replicationControllerKind: Kind<ReplicationController> = {
  type: replicationControllers,
  asReplicaSet: (controller) => {
    const { spec, ...rest } = withKind(replicationControllers, controller);
    const { selector, ...others } = spec ?? {};
    return { ...rest, spec: { ...others, selector: { matchLabels: selector ?? {} } } };
  },
  withStatus: (controller, status) => {
    const next: ReplicationController & { status: ReplicaSetStatus } = { ...controller, status: { ...status } };
    delete next.status.terminatingReplicas;
    return next;
  },
};
