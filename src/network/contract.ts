/** The door of this floor. Same shape as PodNetwork of the runtime's contract, which may not be imported from here. */

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Counts sandboxes of the same pod, from 0. */
  readonly attempt: number;
}

export interface NodeNetwork {
  /**
   * Takes over what is in the kernel, undoes what was cut off, and begins to follow the cluster. Does not wait for the API.
   * Rejects when the kernel cannot be read.
   */
  start(): Promise<void>;
  /** The bridge stands, and pods can be set up. */
  readonly ready: boolean;
  /** When it resolves packets flow. Rejects while not `ready`, and when no address is left; then nothing is left behind. */
  setUp(pod: PodIdentity): Promise<{ readonly netns: string; readonly ips: readonly string[] }>;
  /** Resolves when what is known of NetworkPolicies is in the kernel; never before the API has told of them. */
  policiesInForce(): Promise<void>;
  /** Resolves also when nothing was there. Flows of the pod's address are forgotten before the address is given out again. */
  tearDown(pod: PodIdentity): Promise<void>;
}
