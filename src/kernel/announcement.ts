/** Telling neighbours where an address is now, before they ask. */
import type { Exec } from './exec.ts';
import { familyOfText } from './family.ts';

/**
 * No program of a bare system sends unasked neighbour advertisements, and Node has no raw sockets. To all nodes of the link, by its number;
 * hop limit 255, or nobody listens; the kernel fills in source and checksum.
 */
const sendToAllNodes = `
use strict; use Socket qw(inet_pton pack_sockaddr_in6 AF_INET6 SOCK_RAW);
my ($link, $message) = @ARGV;
socket(my $socket, AF_INET6, SOCK_RAW, 58) or die "socket: $!\\n";
setsockopt($socket, 41, 18, pack('i', 255)) or die "hop limit: $!\\n";
my $request = pack('a16 x24', $link);
ioctl($socket, 0x8933, $request) or die "$link: $!\\n";
my $all = pack_sockaddr_in6(0, inet_pton(AF_INET6, 'ff02::1'), unpack('x16 i', $request));
for my $round (1 .. 3) { send($socket, pack('H*', $message), 0, $all) or die "send: $!\\n"; sleep 1 if $round < 3 }
`;

/** Type 136, flags router and override (RFC 4861, 4.4), the address, and its link address as an option. `bits`: the address as a number. */
export function neighbourAdvertisement(bits: bigint, mac: string): string {
  return `88000000a0000000${bits.toString(16).padStart(32, '0')}0201${mac.replaceAll(':', '')}`;
}

export interface Announcement {
  readonly address: string;
  /** The address as a number. */
  readonly bits: bigint;
  readonly link: string;
  /** Of the link. */
  readonly mac: string;
}

/**
 * Three unasked requests (IPv4, RFC 5227) or advertisements (IPv6, RFC 4861), a second apart: whoever has the address in its table learns the
 * new place. Resolves after the last. Rejects when there is no busybox, or no perl: then neighbours find out when their entry is no longer
 * confirmed.
 */
export async function announceAddress(exec: Exec, { address, bits, link, mac }: Announcement): Promise<void> {
  const argv =
    familyOfText(address).version === 4
      ? (['busybox', 'arping', '-q', '-U', '-c', '3', '-I', link, address] as const)
      : (['perl', '-e', sendToAllNodes, link, neighbourAdvertisement(bits, mac)] as const);
  await exec.run({ argv, timeoutMs: 10_000, okExitCodes: [0, 1] });
}
