/** What goes over the wire, as values (RFC 1035, RFC 2782, RFC 3596). */

/** Resource record types that we write; others are only passed on. */
export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const classIN = 1;

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

/** A name without its last dot, lower case; the root is empty. */
export type DnsName = string;

export type RecordData =
  | { readonly type: typeof types.A | typeof types.AAAA; readonly address: string }
  | { readonly type: typeof types.CNAME | typeof types.NS | typeof types.PTR; readonly target: DnsName }
  | {
      readonly type: typeof types.SRV;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: DnsName;
    }
  | { readonly type: typeof types.TXT; readonly text: string }
  | {
      readonly type: typeof types.SOA;
      readonly primary: DnsName;
      readonly mailbox: DnsName;
      readonly serial: number;
      /** Seconds that a negative answer may be kept (RFC 2308). */
      readonly minimum: number;
    };

export interface ResourceRecord {
  readonly name: DnsName;
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Question {
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
}

/** What EDNS says of the asker (RFC 6891). */
export interface Edns {
  readonly version: number;
  /** Bytes that the asker takes in a datagram. */
  readonly payloadSize: number;
  readonly dnssecOk: boolean;
}

export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly question: Question;
  /** The question as it came, letters in their own case: it is sent back as it is. */
  readonly rawQuestion: Buffer;
  readonly edns: Edns | undefined;
}

export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}
