/** What pods could leave on a node, as sorted lines, so that before and after can be compared. */
import type { Lab } from './lab.ts';

const SCRIPT = [
  // Whether anybody is plugged into a bridge shows a moment later, in its flags and its route.
  // A link-local address comes some time after its link, and goes with it.
  `ip -o addr | grep -v 'inet6 fe80:' | sed 's/^[0-9]*: /addr /; s/valid_lft.*//'`,
  `ip -o link | sed 's/^[0-9]*: /link /; s/@if[0-9]*//; s/: <.*//'`,
  `ip route | sed 's/^/route /; s/ linkdown//'`,
  `ip neigh show nud permanent | sed 's/^/neighbour /'`,
  `ls /run/netns | sed 's/^/netns /'`,
  `iptables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]//; s/^/rule /'`,
  `find /sys/fs/cgroup -type d | sed 's/^/cgroup /'`,
  `cut -d' ' -f5 /proc/self/mountinfo | sed 's/^/mount /'`,
  `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -E 'conmon|catatonit|sleep 1000000' | sed 's/^/process /'; done`,
  'true',
].join('; ');

/** Addresses, links, namespaces, rules, cgroups, mounts and processes of a node, without counters and numbers that only grow. */
export async function nodeState(lab: Lab, node: string): Promise<string[]> {
  return (await lab.onNode(node, ['bash', '-c', SCRIPT])).stdout.split('\n').sort();
}

/** Lines that came. */
export const added = (before: readonly string[], after: readonly string[]): string[] =>
  after.filter((line) => !before.includes(line));
