/**
 * Whether checksums that the kernel leaves to a link arrive right, tried with real packets; and the switch. By perl, which every
 * Debian has (perl-base) and which can do ioctl(2); nothing needs ethtool(8) then.
 */
import type { Exec } from './exec.ts';

/** ETHTOOL_GTXCSUM and ETHTOOL_STXCSUM by SIOCETHTOOL (linux/ethtool.h). */
const switchProgram = `
use Socket;
my ($link, $value) = @ARGV;
socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\\n";
my $argument = pack("L L", $value eq "" ? 0x16 : 0x17, $value || 0);
ioctl($socket, 0x8946, my $request = pack("a16 P16", $link, $argument)) or die "$link: $!\\n";
print unpack("x4 L", $argument);
`;

/** Says so when something came back, be it that nobody listens. Three datagrams, half a second each: ICMP errors are rate limited. */
const askProgram = `
use IO::Socket::IP;
my ($host, $port) = @ARGV;
for (1 .. 3) {
  my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Proto => "udp") or die "$@\\n";
  $socket->send("podwire");
  my $read = "";
  vec($read, fileno($socket), 1) = 1;
  if (select($read, undef, undef, 0.5)) { print "answered"; exit }
}
`;

/** Of a link: whether it gets packets whose checksum is still to be written. Rejects when there is no such link. */
export async function hasChecksumOffload(exec: Exec, link: string): Promise<boolean> {
  const { stdout } = await exec.run({ argv: ['perl', '-e', switchProgram, link, ''] });
  return stdout.trim() === '1';
}

/** Off: the kernel writes checksums (and cuts large packets) before it hands them to the link. Rejects when it does not let itself be set. */
export async function setChecksumOffload(exec: Exec, link: string, on: boolean): Promise<void> {
  await exec.run({ argv: ['perl', '-e', switchProgram, link, on ? '1' : '0'] });
}

/**
 * Whether the host answers a datagram to this port, by an ICMP error too. One whose checksum is wrong is answered by nothing, while
 * a ping, whose checksum no link ever writes, comes back.
 */
export async function answersDatagrams(exec: Exec, host: string, port: number): Promise<boolean> {
  const { stdout } = await exec.run({ argv: ['perl', '-e', askProgram, host, String(port)], okExitCodes: [0, 1, 255] });
  return stdout.trim() === 'answered';
}

/** Whether it answers a ping within a second. */
export async function answersPing(exec: Exec, host: string): Promise<boolean> {
  const argv = ['busybox', 'ping', '-c', '1', '-W', '1', host] as const;
  return (await exec.run({ argv, okExitCodes: [0, 1] })).exitCode === 0;
}
