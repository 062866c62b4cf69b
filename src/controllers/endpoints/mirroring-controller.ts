/**
 * EndpointSlices of Endpoints objects that somebody wrote by hand for a Service without a selector: proxies look at slices
 * only. `endpointslice.kubernetes.io/skip-mirror: "true"` on the Endpoints says that somebody writes the slices too.
 */
import { keyOf } from '../../api/informer.ts';
import { endpoints, endpointSlices, services } from '../../api/resources.ts';
import type { Endpoints } from '../../api/types.gen.ts';
import { startController, withKind, type ControllerContext } from '../controller.ts';
import { serviceIndexes } from './slice-controller.ts';
import { mirrorGroups } from './mirror-groups.ts';
import { isSelecting } from './service-pods.ts';
import { maxMirrored, mirroredBy, ownerOfEndpoints } from './slice-owner.ts';
import { indexOf, SliceWriter } from './slice-writer.ts';
import { planSlices, type SlicesPlan } from './slices-plan.ts';

const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
/** Some elect their leader by an annotation of an Endpoints object, and write it each second. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

function isMirrored({ metadata: { labels, annotations } }: Endpoints): boolean {
  return labels?.[skipLabel] !== 'true' && annotations?.[leaderAnnotation] === undefined;
}

/** Starts the controller; it ends with the context's signal. */
export function startEndpointSliceMirroringController(context: ControllerContext): void {
  const { informers, events } = context;
  const known = informers.informer(endpoints);
  const owners = informers.informer(services, { indexes: serviceIndexes });
  const slices = informers.informer(endpointSlices, { indexes: indexOf(mirroredBy) });
  const writer = new SliceWriter(context, slices, mirroredBy);

  const planOf = (key: string): SlicesPlan => {
    const [object, service] = [known.get(key), owners.get(key)];
    const existing = writer.of(key);
    if (object === undefined || service === undefined || !isMirrored(object) || isSelecting(service)) {
      return { create: [], update: [], remove: existing };
    }
    const { groups, skipped } = mirrorGroups(object);
    if (skipped > 0) {
      const message = `A max of ${maxMirrored} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
      events.event(withKind(endpoints, object), 'Warning', 'TooManyAddressesToMirror', message);
    }
    return planSlices(ownerOfEndpoints(object), ['IPv4', 'IPv6'], groups, existing);
  };

  const queue = startController(context, {
    name: 'endpointslicemirroring',
    after: [known, owners, slices],
    reconcile: (key) => writer.apply(key, planOf(key)),
  });

  known.onChange(({ object }) => queue.add(keyOf(object)));
  owners.onChange(({ type, object, previous }) => {
    const same = type === 'updated' && previous !== undefined && isSelecting(previous) === isSelecting(object);
    if (!same) queue.add(keyOf(object));
  });
  writer.onInterference((key) => queue.add(key));
}
