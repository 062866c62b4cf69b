/** CHECK: whether a pod's link is as ADD made it, and as the runtime remembers it. */
import type { Exec } from '../../kernel/exec.ts';
import { familyOfText } from '../../kernel/family.ts';
import { readGateways, readLinks, type Link } from '../../kernel/ip.ts';
import { netnsPath } from '../../kernel/netns.ts';
import type { PodAttachment } from '../contract.ts';
import { bridgeName, podInterface, podNames } from '../names.ts';
import type { CniConfig } from './request.ts';

type Addresses = PodAttachment['addresses'];

const withPrefix = (addresses: Addresses): readonly string[] =>
  addresses.map(({ ip, prefixLength }) => `${ip}/${prefixLength}`);

/** What the runtime remembers must be what we know. */
function wrongMemory({ prevResult }: CniConfig, addresses: Addresses): string | undefined {
  const wanted = withPrefix(addresses);
  const remembered = (prevResult?.ips ?? []).map(({ address }) => address);
  const foreign = remembered.find((address) => address === undefined || !wanted.includes(address));
  return foreign === undefined ? undefined : `prevResult has ${foreign}, the pod has ${wanted.join(', ')}`;
}

function wrongNodeEnd(links: readonly Link[], name: string): string | undefined {
  const link = links.find((one) => one.name === name);
  if (link?.up !== true) return `link ${name} of the node is gone or down`;
  return link.master === bridgeName ? undefined : `link ${name} of the node is no port of ${bridgeName}`;
}

function wrongPodEnd(links: readonly Link[], { ifname, addresses, mac }: PodAttachment): string | undefined {
  const own = links.find(({ name }) => name === ifname);
  if (own?.up !== true) return `${ifname} is gone or down`;
  if (own.mac !== mac)
    return `${ifname} has the hardware address ${own.mac}, not ${mac}: its neighbours know the latter`;
  const there = new Set(withPrefix(own.addresses.map((one) => ({ ...one, ip: one.address, gateway: '' }))));
  const missing = withPrefix(addresses).find((address) => !there.has(address));
  return missing === undefined ? undefined : `${ifname} has lost ${missing}`;
}

/** Those by whose gateway the namespace has its default route. */
export async function routedAddresses(exec: Exec, { addresses, ...pod }: PodAttachment): Promise<Addresses> {
  const netns = netnsPath(podNames(pod).netns);
  const gateways = await Promise.all(addresses.map(({ ip }) => readGateways(exec, familyOfText(ip), netns)));
  return addresses.filter(({ gateway }, index) => gateways[index]?.includes(gateway));
}

/** A link of another name than `eth0` need not have the default routes: those count that ADD told of. */
async function wrongRoutes(
  exec: Exec,
  { prevResult }: CniConfig,
  attachment: PodAttachment,
): Promise<string | undefined> {
  const told = new Set((prevResult?.routes ?? []).map(({ gw }) => gw));
  const isDue = ({ gateway }: Addresses[number]): boolean => attachment.ifname === podInterface || told.has(gateway);
  const due = attachment.addresses.filter(isDue);
  const there = due.length === 0 ? [] : await routedAddresses(exec, attachment);
  const missing = due.find((address) => !there.includes(address));
  return missing === undefined ? undefined : `the default route via ${missing.gateway} is gone`;
}

/** What is not as it should be, in words; undefined when all is. Rejects when the namespace cannot be entered. */
export async function whatChanged(
  exec: Exec,
  config: CniConfig,
  attachment: PodAttachment,
): Promise<string | undefined> {
  const { addresses, link } = attachment;
  const netns = netnsPath(podNames(attachment).netns);
  const [links, inside] = await Promise.all([readLinks(exec), readLinks(exec, netns)]);
  return (
    wrongMemory(config, addresses) ??
    wrongNodeEnd(links, link) ??
    wrongPodEnd(inside, attachment) ??
    (await wrongRoutes(exec, config, attachment))
  );
}
