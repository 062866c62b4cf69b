/** Whether a change of an EndpointSlice takes somebody out: such a change is in a hurry, one that adds is not. Pure. */
import type { Change } from '../api/informer.ts';
import type { EndpointSlice } from '../api/types.gen.ts';

function readyAddresses({ endpoints }: EndpointSlice): string[] {
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .map(({ addresses, targetRef }) => `${addresses[0] ?? ''} ${targetRef?.uid ?? ''}`);
}

/** True when an endpoint that was ready is not, or not there any more. */
export function losesEndpoint({ type, object, previous }: Change<EndpointSlice>): boolean {
  if (type === 'deleted') return readyAddresses(object).length > 0;
  const now = new Set(readyAddresses(object));
  return previous !== undefined && readyAddresses(previous).some((address) => !now.has(address));
}
