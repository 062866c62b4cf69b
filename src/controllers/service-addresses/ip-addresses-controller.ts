/**
 * IPAddress objects of Services: one for each cluster address, naming the Service that has it (KEP-1880). What a Service says
 * is the truth, since the API server gives addresses only once; the objects repeat it for those who look for an address, and go
 * with it.
 */
import { familyOf } from '../../api/addresses.ts';
import type { KubeObject } from '../../api/client.ts';
import { isAlreadyExists, isConflict } from '../../api/errors.ts';
import { ipAddresses, services } from '../../api/resources.ts';
import { familyLabel, managedByLabel, serviceAddressManager } from '../../api/service-addresses.ts';
import type { IPAddress, Service } from '../../api/types.gen.ts';
import { startController, unlessGone, withKind, type ControllerContext } from '../controller.ts';
import { semanticEqual } from '../semantic-equal.ts';

/** Cluster addresses that a Service holds: not those of an ExternalName that was something else before. */
export function clusterAddressesOf({ spec }: Service): readonly string[] {
  if (spec?.type === 'ExternalName') return [];
  return (spec?.clusterIPs ?? []).filter((address) => familyOf(address) !== undefined);
}

/** The object that says who has this address. */
export function addressObject(address: string, { metadata: { namespace = '', name = '' } }: Service): IPAddress {
  const labels = {
    [managedByLabel]: serviceAddressManager,
    [familyLabel]: familyOf(address) === 6 ? 'IPv6' : 'IPv4',
  };
  return { metadata: { name: address, labels }, spec: { parentRef: { resource: 'services', namespace, name } } };
}

const isOurs = ({ metadata }: KubeObject): boolean => metadata.labels?.[managedByLabel] === serviceAddressManager;

/** Starts the controller; it ends with the context's signal. */
export function startIPAddressesController(context: ControllerContext): void {
  const { client, informers, events } = context;
  const holders = informers.informer(services, { indexes: { 'cluster-address': clusterAddressesOf } });
  const known = informers.informer(ipAddresses);

  const remove = (object: IPAddress): Promise<void> => {
    const { name = '', uid } = object.metadata;
    const ours = client.delete(ipAddresses, { name }, uid === undefined ? {} : { preconditions: { uid } });
    // Another one of this name: its own event is on its way.
    return unlessGone(ours.catch((error: unknown) => (isConflict(error) ? undefined : Promise.reject(error as Error))));
  };

  const create = async (wanted: IPAddress): Promise<void> => {
    try {
      await client.create(ipAddresses, wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  };

  const queue = startController(context, {
    name: 'ip-addresses',
    after: [holders, known],
    reconcile: async (address) => {
      const [holder] = holders.byIndex('cluster-address', address);
      const current = known.get(address);
      if (holder === undefined) return current !== undefined && isOurs(current) ? remove(current) : undefined;
      const wanted = addressObject(address, holder);
      if (current === undefined) return create(wanted);
      if (semanticEqual(current.spec, wanted.spec)) return;
      if (!isOurs(current)) {
        const { resource, namespace = '', name } = current.spec.parentRef;
        const text = `ClusterIP ${address} is also held by an IPAddress for ${resource} ${namespace}/${name}`;
        return events.event(withKind(services, holder), 'Warning', 'ClusterIPAlreadyAllocated', text);
      }
      // The reference cannot be changed; the deletion brings the key back.
      return remove(current);
    },
  });

  holders.onChange(({ object, previous }) => {
    const touched = [object, ...(previous === undefined ? [] : [previous])].flatMap(clusterAddressesOf);
    for (const address of touched) queue.add(address);
  });
  known.onChange(({ object }) => queue.add(object.metadata.name ?? ''));
}
