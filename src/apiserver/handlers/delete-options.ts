/** DeleteOptions, from the body or, for clients without one, from the query. */
import type { DeleteOptions } from '../../api/client.ts';
import { isJsonObject } from '../../api/json-value.ts';
import { checkObject, pruneUnknown } from '../../api/schema/table.ts';
import { badRequest } from '../errors.ts';
import { parseBody } from '../http/body.ts';
import type { ResourceRequest } from '../request.ts';

type Propagation = NonNullable<DeleteOptions['propagationPolicy']>;

const propagations: readonly string[] = ['Background', 'Foreground', 'Orphan'];

/** The wire form: DeleteOptions and the old `orphanDependents`. */
type WireOptions = DeleteOptions & { readonly orphanDependents?: boolean; readonly dryRun?: readonly string[] };

function fromQuery({ query }: ResourceRequest): WireOptions {
  const grace = query.get('gracePeriodSeconds') ?? '';
  const propagation = query.get('propagationPolicy') ?? '';
  const orphan = query.get('orphanDependents') ?? '';
  return {
    ...(grace !== '' && { gracePeriodSeconds: Number(grace) }),
    ...(propagation !== '' && { propagationPolicy: propagation as Propagation }),
    ...(orphan !== '' && { orphanDependents: orphan === 'true' }),
  };
}

async function readOptions(request: ResourceRequest): Promise<WireOptions> {
  const body = await request.body();
  if (body.length === 0) return fromQuery(request);
  const value = parseBody(body, request.contentType);
  const { wrong } = checkObject('DeleteOptions', value);
  if (wrong.length > 0 || !isJsonObject(value)) throw badRequest(`DeleteOptions: ${wrong.join(', ')}`);
  return pruneUnknown('DeleteOptions', value);
}

/** What a DELETE was asked to do. */
export interface DeleteWish {
  readonly options: DeleteOptions;
  readonly dryRun: boolean;
}

function propagationOf({ propagationPolicy, orphanDependents }: WireOptions): Propagation | undefined {
  if (propagationPolicy !== undefined && !propagations.includes(propagationPolicy)) {
    throw badRequest('DeletionPropagation need to be one of "Foreground", "Background", "Orphan" or nil');
  }
  if (propagationPolicy !== undefined || orphanDependents === undefined) return propagationPolicy;
  return orphanDependents ? 'Orphan' : 'Background';
}

/** Checks options that came in any way. Throws 400. */
export function deleteWish(wire: WireOptions, dryRun: boolean): DeleteWish {
  const { gracePeriodSeconds, preconditions } = wire;
  if (gracePeriodSeconds !== undefined && (!Number.isInteger(gracePeriodSeconds) || gracePeriodSeconds < 0)) {
    throw badRequest('gracePeriodSeconds must be a non-negative integer');
  }
  const propagationPolicy = propagationOf(wire);
  const options = {
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...(preconditions !== undefined && { preconditions }),
  };
  return { options, dryRun: dryRun || (wire.dryRun?.includes('All') ?? false) };
}

/** Rejects with 400. */
export async function readDeleteWish(request: ResourceRequest): Promise<DeleteWish> {
  return deleteWish(await readOptions(request), request.dryRun);
}
