/**
 * Who changes a table of ours: the kernel's own notices. `nft monitor` of 1.0.6 keeps 800 bytes for ever for each element
 * that it hears of (measured), so socat hands us the netlink messages as they are, and we look at a few fields of each.
 */
import type { Exec } from './exec.ts';
import type { TableName } from './nft.ts';
import { startProcess, type RunningProcess } from './start-process.ts';

/** AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER; sockaddr_nl without its family: no pid, the group of nf_tables (bit 6). */
const address = 'SOCKET-RECV:16:3:12:x0000x00000000x40000000,rcvbuf-late=16777216';
const argv = ['setpriv', '--pdeathsig', 'TERM', 'socat', '-u', '-b', '1048576', address, 'STDOUT'] as const;

const familyNumbers = { ip: 2, ip6: 10 } as const;
/** Lengths of nlmsghdr and nfgenmsg; after them comes the name of the table, where there is one, as attribute 1. */
const headerLength = 16;
const attributesAt = headerLength + 4;
const newGeneration = 0x0a0f;
/** Messages about chains and rules carry the chain's name behind the table's, as this attribute. */
const chainAttributes: ReadonlyMap<number, number> = new Map([
  [0x0a03, 3],
  [0x0a05, 3],
  [0x0a06, 2],
  [0x0a08, 2],
]);

export interface NftNotice {
  /** Netlink port of who did it: the pid of a process that has one netlink socket, in its own pid namespace. */
  readonly port: number;
  /** The chain that was changed, or whose rules were; undefined for all else of a table. */
  readonly chain: string | undefined;
}

interface Attribute {
  readonly type: number;
  readonly text: string;
  readonly next: number;
}

/** A string attribute, as names are. */
function attributeAt(message: Buffer, at: number): Attribute | undefined {
  if (message.length < at + 4) return undefined;
  const length = message.readUInt16LE(at);
  const text = message.toString('latin1', at + 4, at + Math.max(length, 5) - 1);
  return { type: message.readUInt16LE(at + 2), text, next: at + ((length + 3) & ~3) };
}

/** Cuts a stream into netlink messages and tells those about these tables. Pure but for what it keeps of the last piece. */
export function createNoticeReader(
  tables: readonly TableName[],
  onNotice: (notice: NftNotice) => void,
): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  const look = (message: Buffer): void => {
    const type = message.readUInt16LE(4);
    const table = type === newGeneration ? undefined : attributeAt(message, attributesAt);
    if (table?.type !== 1) return;
    const family = message[headerLength];
    if (!tables.some((one) => one.name === table.text && familyNumbers[one.family] === family)) return;
    const second = attributeAt(message, table.next);
    const chain = second?.type === chainAttributes.get(type) ? second?.text : undefined;
    onNotice({ port: message.readUInt32LE(12), chain });
  };
  return (piece) => {
    let data = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (data.length >= headerLength) {
      const length = Math.max(data.readUInt32LE(0), headerLength);
      // Each message is padded to four bytes, the last one of a datagram too.
      const padded = (length + 3) & ~3;
      if (data.length < padded) break;
      look(data.subarray(0, length));
      data = data.subarray(padded);
    }
    rest = Buffer.from(data);
  };
}

export interface NftWatchOptions {
  readonly exec: Exec;
  readonly tables: readonly TableName[];
  readonly onNotice: (notice: NftNotice) => void;
  /** Notices may have been missed, for this reason: until this is called again with `undefined` nobody listens. */
  readonly onLost: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Resolves when the kernel's notices are listened to, or with undefined when that cannot be: socat is missing. */
export async function watchNft(options: NftWatchOptions): Promise<RunningProcess | undefined> {
  const { exec, tables, onNotice, onLost, signal } = options;
  const start = exec.start?.bind(exec) ?? startProcess;
  const child = await start({ argv: [...argv] as [string, ...string[]] }).catch(() => undefined);
  if (child === undefined) return undefined;
  if (signal.aborted) child.kill();
  let words = '';
  child.stdout.on('data', createNoticeReader(tables, onNotice));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words = `${words}${text}`.slice(-500)));
  const stop = (): void => child.kill();
  signal.addEventListener('abort', stop, { once: true });
  void child.ended.then(() => {
    signal.removeEventListener('abort', stop);
    if (!signal.aborted) onLost(words.trim() || 'socat ended');
  });
  return child;
}
