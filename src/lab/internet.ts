/**
 * The lab's way to the internet: a user-mode network stack (slirp4netns) on the host holds the far end of a tap link of the switch and
 * makes every connection again by sockets of the host. So the host forwards nothing and its firewall is not touched.
 */
import { join } from 'node:path';
import { LabError, type LabConfig } from './config.ts';
import { kernelNames, machineAlias } from './places.ts';
import type { HostFacts } from './scripts.ts';
import { quote, words } from './shell.ts';
import { supervisedFolder } from './supervision.ts';
import { writeWhole } from './write-file.ts';

/** Of its control group and of its link in the switch. */
export const internetName = 'internet';
/** A range for documentation (RFC 5737), so no network of the host's is hidden by it. */
const stackRange = '198.51.100.0/24';
const switchEnd = '198.51.100.1/24';
const gateway = '198.51.100.2';
/** The user-mode stack answers here by the host's own name server; libslirp takes the third address of its range for that. */
export const nameServer = '198.51.100.3';

/** Why a lab has no internet; undefined when it has. Throws a LabError when it was asked for and cannot be. */
export function internetRefusal(config: LabConfig, { internet }: HostFacts): string | undefined {
  switch (config.internet ?? 'auto') {
    case 'off':
      return 'as asked for';
    case 'on':
      if (internet.missing !== undefined) throw new LabError(`--internet=on: ${internet.missing}`);
      return undefined;
    case 'auto':
      return internet.missing ?? (internet.hasDefaultRoute ? undefined : 'this host has no default route');
  }
}

/** Written anew with every start. */
export async function writeInternetFiles(config: LabConfig): Promise<void> {
  const folder = supervisedFolder(config.name, internetName);
  await writeWhole(join(folder, 'run'), runScript(config), 0o755);
  await writeWhole(join(folder, 'attach'), attachScript(config), 0o755);
}

/**
 * The sandbox of slirp4netns unmounts what it leaves behind, and only the root itself is made private before: with its caller's
 * mounts it would take /run/netns away from the whole host. So it gets a copy, without the namespaces of other labs, which
 * that copy would keep alive.
 */
function runScript(config: LabConfig): string {
  const attach = join(supervisedFolder(config.name, internetName), 'attach');
  return [
    '#!/bin/sh',
    'exec 2>&1',
    `exec 3< ${quote(`/run/netns/${kernelNames(config.name).switchNetns}`)}`,
    `exec ${words('unshare', '--mount', '--propagation', 'private', 'sh', '-eu', attach)}`,
    '',
  ].join('\n');
}

/**
 * The link is persistent, so all of this is there already when the stack starts again. The stack asks for the address of whoever it
 * answers, and the switch answers for all machines (proxy ARP, without its usual delay of up to 0.8 s). While the stack is not there
 * its link has no carrier, and packets are refused instead of lost.
 */
export function attachScript(config: LabConfig): string {
  const inSwitch = 'nsenter --net=/proc/self/fd/3';
  return [
    `${inSwitch} ip -force -batch - 2> /dev/null <<'END' || true`,
    `tuntap add dev ${internetName} mode tap`,
    `link set ${internetName} alias ${machineAlias(config.name, internetName)}`,
    `address replace ${switchEnd} dev ${internetName}`,
    `link set ${internetName} up`,
    `route replace default via ${gateway} dev ${internetName} onlink`,
    'END',
    `${inSwitch} sh -eu <<'END'`,
    `echo 1 > /proc/sys/net/ipv4/conf/${internetName}/proxy_arp`,
    `echo 1 > /proc/sys/net/ipv4/conf/${internetName}/ignore_routes_with_linkdown`,
    `echo 0 > /proc/sys/net/ipv4/neigh/${internetName}/proxy_delay`,
    'END',
    hostRefused(config, inSwitch),
    'umount -R /run/netns',
    `exec ${words('slirp4netns', `--cidr=${stackRange}`, '--disable-host-loopback', '--enable-sandbox')} --netns-type=path /proc/self/fd/3 ${internetName}`,
    '',
  ].join('\n');
}

/**
 * A connection that the stack makes to an address of the host's own comes from the host itself, so its firewall would let it pass.
 * The host is reached by its end of the switch, where that firewall sees who comes; other labs are not reached at all.
 */
function hostRefused(config: LabConfig, inSwitch: string): string {
  const { hostLink } = kernelNames(config.name);
  return [
    '{',
    "  echo 'route flush type prohibit'",
    '  { ip -4 route show table local type local; ip -4 route show; } | while read -r first second rest; do',
    '    case "$first $second $rest " in',
    `      *${quote(` dev ${hostLink} `)}*) ;;`,
    '      "local "*) echo "route replace prohibit $second" ;;',
    '      *" dev pw-"*) echo "route replace prohibit $first" ;;',
    '    esac',
    '  done',
    ...[config.podCIDR, config.serviceCIDR, '169.254.0.0/16'].map(
      (range) => `  echo 'route replace prohibit ${range}'`,
    ),
    `} | ${inSwitch} ip -force -batch - 2> /dev/null || true`,
  ].join('\n');
}
