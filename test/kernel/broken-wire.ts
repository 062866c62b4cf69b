/**
 * A wire between two places whose ends promise to write checksums, and write only those that come first behind an IPv4 header: what is
 * inside a tunnel stays as it was, as with some network cards. A pair of tap links, and a program that carries frames between them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Place } from './node-lab.ts';

/** setns(2), TUNSETIFF (IFF_TAP, IFF_NO_PI, IFF_VNET_HDR) and TUNSETOFFLOAD (TUN_F_CSUM); then ten bytes before each frame (virtio_net_hdr) say what is to be written. */
const program = `
my %setns = (x86_64 => 308, aarch64 => 268);
my $machine = (POSIX::uname())[4];
my @taps = map {
  open(my $place, "<", "/proc/$_/ns/net") or die "$!";
  syscall($setns{$machine}, fileno($place), 0) == 0 or die "setns: $!";
  open(my $tap, "+<", "/dev/net/tun") or die "tun: $!";
  ioctl($tap, 0x400454ca, my $request = pack("a16 S x22", "eth0", 0x5002)) or die "tap: $!";
  ioctl($tap, 0x400454d0, 1) or die "offload: $!";
  $tap;
} @ARGV;
sub written {
  my $sum = unpack("%32n*", $_[0] . "\\0" x (length($_[0]) % 2));
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return (~$sum & 0xffff) || 0xffff;
}
$| = 1;
print "ready\\n";
while (1) {
  my $ready = "";
  vec($ready, fileno($_), 1) = 1 for @taps;
  select($ready, undef, undef, undef);
  for my $end (0, 1) {
    next unless vec($ready, fileno($taps[$end]), 1);
    sysread($taps[$end], my $frame, 65550) or exit;
    my ($flags, $start, $offset) = unpack("C x5 S S", $frame);
    substr($frame, 0, 10) = "";
    substr($frame, $start + $offset, 2) = pack("n", written(substr($frame, $start))) if $flags & 1 && $start == 34;
    syswrite($taps[1 - $end], ("\\0" x 10) . $frame);
  }
}
`;

/** Each end is `eth0`. It ends with its ends: kill the process. */
export async function layBrokenWire(a: Place, b: Place): Promise<ChildProcess> {
  const args = ['-MPOSIX', '-e', program, String(a.pid), String(b.pid)];
  const wire = spawn('perl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(wire.stdout, 'data');
  return wire;
}
