/** Services. */
import { services } from '../../api/resources.ts';
import type { Service } from '../../api/types.gen.ts';
import type { ResourceRow, Strategy } from '../resource.ts';
import { allocateService, rebuildPools, releaseService, type ServicePools } from './service/allocate.ts';
import { serviceColumns } from './service/columns.ts';
import { setServiceDefaults } from './service/defaults.ts';
import { alignClusterIPs, setFamilies } from './service/families.ts';
import { dropWhatTypeDoesNotUse, keepAllocated } from './service/prepare.ts';
import { validateServiceStatus } from './service/validate-status.ts';
import { validateService, validateServiceUpdate } from './service/validate.ts';

function strategy(pools: ServicePools): Strategy<Service> {
  const families = pools.addresses.families.map((family) => (family === 6 ? 'IPv6' : 'IPv4'));
  return {
    setDefaults: setServiceDefaults,
    prepareForCreate: (service) => {
      service.status = { loadBalancer: {} };
      alignClusterIPs(service, undefined);
      setFamilies(service, undefined, families);
    },
    prepareForUpdate: (service, old) => {
      service.status = structuredClone(old.status) ?? { loadBalancer: {} };
      dropWhatTypeDoesNotUse(service, old);
      keepAllocated(service, old);
      alignClusterIPs(service, old);
      setFamilies(service, old, families);
    },
    prepareForStatusUpdate: (service, old) => {
      service.spec = structuredClone(old.spec) ?? {};
    },
    validate: (service) => validateService(service, families),
    validateUpdate: (service, old, { subresource }) =>
      subresource === 'status' ? validateServiceStatus(service, old) : validateServiceUpdate(service, old),
    allocate: (service, old, context) => allocateService(service, old, pools, context),
    release: (service) => {
      releaseService(service, pools);
    },
    restore: (stored) => {
      rebuildPools(pools, stored);
    },
    selectableFields: {
      'spec.clusterIP': (service) => service.spec?.clusterIP ?? '',
      'spec.type': (service) => service.spec?.type ?? '',
    },
  };
}

/** Services that take their addresses and ports from these pools. */
export function serviceRow(pools: ServicePools): ResourceRow<Service> {
  return {
    type: services,
    singular: 'service',
    shortNames: ['svc'],
    categories: ['all'],
    subresources: ['status', 'proxy'],
    columns: serviceColumns,
    strategy: strategy(pools),
  };
}
