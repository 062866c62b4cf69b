/** What an agent and the relay say to each other: one JSON object a line over a unix socket, a reply for each request in turn. */

/** Part of the socket's name: a relay of another version is another relay, and the older one ends when nobody uses it. */
export const relayVersion = 1;

/** `node ENTRY internal-relay SOCKET`: what starts a relay. */
export const relayArgument = 'internal-relay';

/** Beside the socket: which process it is. */
export const pidFile = (socket: string): string => `${socket}.pid`;

/** The variable that names the descriptor on which a relay says that it listens. */
export const reportVariable = 'PODWIRE_RELAY_REPORT';

export interface Target {
  readonly ip: string;
  readonly port: number;
}

/** One place to listen, and where what comes there goes, in turn. */
export interface Backend {
  /** Whom it is for: `namespace/name:port/protocol/all/4`. */
  readonly id: string;
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  /** 0: any that is free; it is kept as long as the relay lives. */
  readonly port: number;
  readonly targets: readonly Target[];
  /** How long a client stays with the target that it had last. */
  readonly affinitySeconds?: number | undefined;
}

export type RelayRequest =
  | { readonly op: 'list' }
  | { readonly op: 'put'; readonly backends: readonly Backend[] }
  /** `targetsGone`: not only the rules, nobody serves there any more, so datagrams of old flows go nowhere either. */
  | { readonly op: 'drop'; readonly ids: readonly string[]; readonly targetsGone?: boolean };

export interface RelayReply {
  /** Ports by id: of all for `list`, of those that were asked for `put`. */
  readonly ports: Readonly<Record<string, number>>;
  /** Why it could not listen, by id. */
  readonly failed: Readonly<Record<string, string>>;
}

export const maxLineBytes = 64 * 1024 * 1024;
