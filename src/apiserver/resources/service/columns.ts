/** The table of `kubectl get services`. */
import type { Service } from '../../../api/types.gen.ts';
import type { Column } from '../../resource.ts';
import { printLabels } from '../../validation/label-selector.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import { portsOf } from './kinds.ts';

/** So much of the balancer's addresses is shown. */
const BALANCER_WIDTH = 16;

function balancerAddresses(service: Service): string[] {
  const all = (service.status?.loadBalancer?.ingress ?? []).map((each) => each.ip || each.hostname || '');
  return [...new Set(all.filter((each) => each !== ''))].sort();
}

function balancer(service: Service): string {
  const text = balancerAddresses(service).join(',');
  const short = text.length > BALANCER_WIDTH ? `${text.slice(0, BALANCER_WIDTH - 3)}...` : text;
  return [short, ...(service.spec?.externalIPs ?? [])].filter((each) => each !== '').join(',') || '<pending>';
}

function externalIP(service: Service): string {
  switch (service.spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return service.spec.externalIPs?.join(',') || '<none>';
    case 'LoadBalancer':
      return balancer(service);
    case 'ExternalName':
      return service.spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function ports(service: Service): string {
  const texts = portsOf(service).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return texts.join(',') || '<none>';
}

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  column('Type', 'How it can be reached.', (service) => service.spec?.type),
  column('Cluster-IP', 'Its address inside the cluster.', (service) => service.spec?.clusterIPs?.[0] ?? '<none>'),
  column('External-IP', 'Its addresses from outside.', externalIP),
  column('Port(s)', 'Its ports, and those of the nodes.', ports),
  ageColumn,
  wide('Selector', 'Which pods it leads to.', (service) => printLabels(service.spec?.selector)),
];
