/** The door of this floor. Same shape as PodNetwork of the runtime's contract, which may not be imported from here. */

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Counts sandboxes of the same pod, from 0. */
  readonly attempt: number;
  /** The path of a namespace that somebody else made for it: it gets our name too, and stays when the pod goes. */
  readonly netns?: string;
  /** The name of its link inside; `eth0` when left out. */
  readonly ifname?: string;
}

/** What the network has made of a pod. */
export interface PodAttachment extends Pick<PodIdentity, 'uid' | 'attempt'> {
  /** The node's end of its link. */
  readonly link: string;
  /** The name of its own end. */
  readonly ifname: string;
  /** Of its own end. */
  readonly mac: string;
  readonly mtu: number;
  /** One a family, the primary first. */
  readonly addresses: readonly { readonly ip: string; readonly prefixLength: number; readonly gateway: string }[];
}

/** A port of the node that leads to the pod. */
export interface HostPort {
  /** The address of the node; empty, `0.0.0.0` or `::` for all. */
  readonly hostIP: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

/** Bits a second at most; no limit when left out. */
export interface PodBandwidth {
  /** To the pod. */
  readonly ingress?: number;
  /** From the pod. */
  readonly egress?: number;
}

/** What a pod asks of the network besides an address. */
export interface PodNeeds {
  readonly hostPorts?: readonly HostPort[];
  readonly bandwidth?: PodBandwidth;
}

/** A pod that ran when the agent ended, as the runtime remembers it. */
export interface RememberedPod extends PodIdentity {
  readonly ips: readonly string[];
  readonly needs: PodNeeds;
}

export interface NodeNetwork {
  /**
   * Takes over what is in the kernel, undoes what was cut off, and begins to follow the cluster. Does not wait for the API.
   * `remembered`: pods whose links are put back when they have gone meanwhile. Rejects when the kernel cannot be read.
   */
  start(remembered?: readonly RememberedPod[]): Promise<void>;
  /** The bridge stands, and pods can be set up. */
  readonly ready: boolean;
  /** When it resolves packets flow. Rejects while not `ready`, and when no address is left; then nothing is left behind. */
  setUp(pod: PodIdentity, needs?: PodNeeds): Promise<{ readonly netns: string; readonly ips: readonly string[] }>;
  /** Resolves when what is known of NetworkPolicies is in the kernel; never before the API has told of them. */
  policiesInForce(): Promise<void>;
  /** Resolves also when nothing was there. Flows of the pod's address are forgotten before the address is given out again. */
  tearDown(pod: PodIdentity): Promise<void>;
  /** Every pod that it has made, or has found; none while not `ready`. */
  attachments(): readonly PodAttachment[];
}
