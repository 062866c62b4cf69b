/**
 * ServiceCIDRs: each is Ready as soon as it stands, and one that is deleted stays until no Service has an address that is in
 * none of the others (KEP-1880). The API server gives nothing from a range on its way out, so a look at the Services after
 * that is the last word.
 */
import { contains, tryParseCIDR, type Cidr } from '../../api/addresses.ts';
import { findCondition, setCondition } from '../../api/conditions.ts';
import { ipAddresses, serviceCIDRs, services } from '../../api/resources.ts';
import type { Condition, ServiceCIDR } from '../../api/types.gen.ts';
import { startController, unlessGone, withKind, type ControllerContext } from '../controller.ts';
import { clusterAddressesOf } from './ip-addresses-controller.ts';

/** Holds a ServiceCIDR until nobody needs it. */
export const serviceCIDRFinalizer = 'networking.k8s.io/service-cidr-finalizer';

const rangesOf = ({ spec }: ServiceCIDR): readonly Cidr[] =>
  (spec?.cidrs ?? []).flatMap((text) => tryParseCIDR(text) ?? []);

/** The first of these addresses that only this range of all has. */
export function orphanOf(
  leaving: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly string[],
): string | undefined {
  const own = rangesOf(leaving);
  const others = all
    .filter(({ metadata }) => metadata.name !== leaving.metadata.name && metadata.deletionTimestamp === undefined)
    .flatMap(rangesOf);
  const within = (ranges: readonly Cidr[], address: string): boolean => ranges.some((cidr) => contains(cidr, address));
  return addresses.find((address) => within(own, address) && !within(others, address));
}

/** Without its time, which is set when the status changes. */
type Told = Omit<Condition, 'lastTransitionTime'> & Partial<Pick<Condition, 'lastTransitionTime'>>;

const ready: Told = {
  type: 'Ready',
  status: 'True',
  reason: '',
  message: 'Kubernetes Service CIDR is ready',
};

function terminating(address: string): Told {
  const message = `There are still IPAddresses referencing the ServiceCIDR (${address}), please remove them or create a new ServiceCIDR`;
  return { type: 'Ready', status: 'False', reason: 'Terminating', message };
}

/** Starts the controller; it ends with the context's signal. */
export function startServiceCIDRsController(context: ControllerContext): void {
  const { client, informers, now } = context;
  const known = informers.informer(serviceCIDRs);
  const addresses = informers.informer(ipAddresses);

  async function tell(each: ServiceCIDR, condition: Told): Promise<void> {
    const all: readonly Told[] = each.status?.conditions ?? [];
    const old = findCondition(all, condition.type);
    if (old?.status === condition.status && old.message === condition.message) return;
    // Each has its time now.
    const conditions = setCondition(all, condition, now()) as Condition[];
    await unlessGone(
      client.update(serviceCIDRs, withKind(serviceCIDRs, { ...each, status: { conditions } }), 'status'),
    );
  }

  async function setFinalizers(each: ServiceCIDR, finalizers: string[]): Promise<void> {
    const changed = { ...each, metadata: { ...each.metadata, finalizers } };
    await unlessGone(client.update(serviceCIDRs, withKind(serviceCIDRs, changed)));
  }

  async function release(each: ServiceCIDR, finalizers: readonly string[]): Promise<void> {
    // An informer may not have heard of the last Service that got an address.
    const { items } = await client.list(services);
    const orphan = orphanOf(each, known.list(), items.flatMap(clusterAddressesOf));
    if (orphan !== undefined) return tell(each, terminating(orphan));
    return setFinalizers(
      each,
      finalizers.filter((name) => name !== serviceCIDRFinalizer),
    );
  }

  const queue = startController(context, {
    name: 'service-cidrs',
    after: [known, addresses],
    reconcile: async (name) => {
      const each = known.get(name);
      if (each === undefined) return;
      const { finalizers = [], deletionTimestamp } = each.metadata;
      const held = finalizers.includes(serviceCIDRFinalizer);
      if (deletionTimestamp !== undefined) return held ? release(each, finalizers) : undefined;
      // The update brings the key back.
      return held ? tell(each, ready) : setFinalizers(each, [...finalizers, serviceCIDRFinalizer]);
    },
  });

  /** Another range, or an address that went, may let one go. */
  const wakeLeaving = (): void => {
    for (const { metadata } of known.list())
      if (metadata.deletionTimestamp !== undefined) queue.add(metadata.name ?? '');
  };
  known.onChange(({ object }) => {
    queue.add(object.metadata.name ?? '');
    wakeLeaving();
  });
  addresses.onChange(({ type }) => (type === 'deleted' ? wakeLeaving() : undefined));
}
