/** The variables that tell a container of the Services it may use (`REDIS_SERVICE_HOST`, …). Pure. */
import type { Service } from '../../api/types.gen.ts';

type Variables = Record<string, string>;

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function addressOf(service: Service): string | undefined {
  const ip = service.spec?.clusterIP;
  return ip === undefined || ip === '' || ip === 'None' ? undefined : ip;
}

function addPorts(variables: Variables, prefix: string, ip: string, service: Service): void {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  for (const [index, { name, port, protocol = 'TCP' }] of (service.spec?.ports ?? []).entries()) {
    const url = `${protocol.toLowerCase()}://${host}:${port}`;
    if (index === 0) {
      variables[`${prefix}_SERVICE_PORT`] = String(port);
      variables[`${prefix}_PORT`] = url;
    }
    if (name !== undefined && name !== '') variables[`${prefix}_SERVICE_PORT_${variableName(name)}`] = String(port);
    const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    variables[link] = url;
    variables[`${link}_PROTO`] = protocol.toLowerCase();
    variables[`${link}_PORT`] = String(port);
    variables[`${link}_ADDR`] = ip;
  }
}

/** Of the pod's namespace when `links` (enableServiceLinks), and always of `default/kubernetes`, which own ones may hide. */
export function serviceVariables(services: readonly Service[], namespace: string, links: boolean): Variables {
  const isMaster = ({ metadata }: Service): boolean =>
    metadata.namespace === 'default' && metadata.name === 'kubernetes';
  const own = links ? services.filter(({ metadata }) => metadata.namespace === namespace) : [];
  const hidden = own.some(({ metadata }) => metadata.name === 'kubernetes');
  const visible = [...own, ...services.filter((service) => isMaster(service) && !hidden)];
  const variables: Variables = {};
  for (const service of visible) {
    const ip = addressOf(service);
    if (ip === undefined) continue;
    const prefix = variableName(service.metadata.name ?? '');
    variables[`${prefix}_SERVICE_HOST`] = ip;
    addPorts(variables, prefix, ip, service);
  }
  return variables;
}
