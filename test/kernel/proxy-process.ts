/**
 * The proxy of one node of the cases as a process that can be killed: run inside the node's namespaces, `MODE NODE VARIANT [PORT]`. Says
 * `ready` when everything is in the kernel. The variants differ in the endpoints of one Service, so that each start has to write; its
 * endpoints answer at PORT where one is given.
 */
import { silentLogger } from '../../src/api/logger.ts';
import type { EndpointSlice, Node, Service } from '../../src/api/types.gen.ts';
import type { ProxyMode } from '../../src/proxy/back-end.ts';
import { startProxy } from '../../src/proxy/index.ts';
import { createDirectExec } from '../../src/kernel/run-process.ts';
import { clusterServices, clusterSlices } from '../cases/service-packets.ts';
import { clusterCIDRs, clusterNodes } from '../cases/world.ts';
import { FakeEvents, FakeInformers } from './node-lab.ts';

const [mode = '', nodeName = '', variant = '', port] = process.argv.slice(2);
const informers = new FakeInformers();
informers.of<Node>('nodes').set(...clusterNodes);
informers.of<Service>('services').set(...clusterServices);
const isOdd = Number(variant) % 2 === 1;
const slices = clusterSlices.map((one) => {
  if (one.metadata.labels?.['kubernetes.io/service-name'] !== 'web') return one;
  const ports = port === undefined ? one.ports : one.ports?.map((each) => ({ ...each, port: Number(port) }));
  const endpoints = isOdd ? one.endpoints?.slice(0, 1) : one.endpoints;
  return { ...one, ...(ports && { ports }), ...(endpoints && { endpoints }) };
});
informers.of<EndpointSlice>('endpointslices').set(...slices);
await startProxy({
  exec: createDirectExec(),
  nodeName,
  clusterCIDR: `${clusterCIDRs.ipv4},${clusterCIDRs.ipv6}`,
  mode: mode as ProxyMode,
  informers,
  events: new FakeEvents(),
  logger: silentLogger,
  signal: new AbortController().signal,
});
process.stdout.write('ready\n');
// Until it is killed, or whoever started it is gone.
process.stdin.on('end', () => process.exit(0)).resume();
