/** Pods of this node that are about to be told to stop: out of the rules before the API says so, and who waits for it. */

/** What the kubelet asks of the proxy in its own process. */
interface Departures {
  /**
   * Takes the pod's addresses out of this node's rules, and resolves when rules without them are in the kernel. Where
   * nobody else is ready it stays named as the last resort (KEP-1669): that counts as gone, as waiting would change nothing.
   * Stays open while the kernel refuses or the Services are not known yet: bound it.
   */
  endpointGone(podUid: string): Promise<void>;
}

export interface DepartureBoard extends Departures {
  /** UIDs that no rule may name while somebody else is ready. */
  readonly leaving: ReadonlySet<string>;
  /** The proxy's: how a commit without this pod is asked for; also told of those that wait already. */
  onRequest(request: (podUid: string) => void): void;
  /** To be called as the rules are computed; call what comes back once they are in the kernel. */
  boarding(): () => void;
  /** Forgets those for which `isNamed` is false: no EndpointSlice tells of them any more. */
  forget(isNamed: (podUid: string) => boolean): void;
}

/** One for a node's kubelet and proxy together. */
export function createDepartures(): DepartureBoard {
  const leaving = new Set<string>();
  let waiting: (() => void)[] = [];
  let request: (podUid: string) => void = () => undefined;
  return {
    leaving,
    endpointGone: (podUid) => {
      leaving.add(podUid);
      return new Promise((resolve) => {
        waiting.push(resolve);
        request(podUid);
      });
    },
    onRequest: (ask) => {
      request = ask;
      if (waiting.length > 0) for (const podUid of leaving) ask(podUid);
    },
    boarding: () => {
      const served = new Set(waiting);
      return () => {
        waiting = waiting.filter((resolve) => !served.has(resolve));
        for (const resolve of served) resolve();
      };
    },
    forget: (isNamed) => {
      for (const uid of leaving) if (!isNamed(uid)) leaving.delete(uid);
    },
  };
}
