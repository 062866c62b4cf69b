/** Which handler serves which verb of which (sub)resource. */
import type { ServerResponse } from 'node:http';
import { badRequest } from './errors.ts';
import { create } from './handlers/create.ts';
import { deleteCollection } from './handlers/delete-collection.ts';
import { deleteOne } from './handlers/delete.ts';
import { get } from './handlers/get.ts';
import { list } from './handlers/list.ts';
import { patch } from './handlers/patch.ts';
import { update } from './handlers/update.ts';
import { watch } from './handlers/watch.ts';
import { readLog } from './kubelets/log.ts';
import type { Machinery } from './machinery.ts';
import type { Reply, ResourceRequest, Verb } from './request.ts';
import type { Subresource } from './resource.ts';
import { createReview, isReview } from './reviews/index.ts';
import { bind } from './subresources/binding.ts';
import { evict } from './subresources/eviction.ts';
import { getScale, patchScale, updateScale } from './subresources/scale.ts';
import { requestToken } from './subresources/token.ts';

/** Answers a reply, or writes the response itself and answers nothing. */
export type Handler = (
  machinery: Machinery,
  request: ResourceRequest,
  response: ServerResponse,
) => Promise<Reply | undefined | void>;

type Handlers = Readonly<Partial<Record<Verb, Handler>>>;

const objects: Handlers = {
  get,
  list,
  watch,
  create,
  update,
  patch,
  delete: deleteOne,
  deletecollection: deleteCollection,
};

const upgradeOnly: Handler = async () => {
  throw badRequest('Upgrade request required');
};

const subresources: Readonly<Record<Subresource, Handlers>> = {
  status: { get, update, patch },
  finalize: { update },
  approval: { get, update, patch },
  scale: { get: getScale, update: updateScale, patch: patchScale },
  binding: { create: bind },
  eviction: { create: evict },
  token: { create: requestToken },
  log: { get: readLog },
  exec: { get: upgradeOnly, create: upgradeOnly },
  attach: { get: upgradeOnly, create: upgradeOnly },
  portforward: { get: upgradeOnly, create: upgradeOnly },
  // Served before its body is read (proxy/).
  proxy: {},
};

/** The handler, or undefined when the method does not fit (405). */
export function handlerOf({ verb, path, row }: Pick<ResourceRequest, 'verb' | 'path' | 'row'>): Handler | undefined {
  if (isReview(row)) return verb === 'create' && path.name === '' ? createReview : undefined;
  // The row has this subresource, so the name is one of them.
  if (path.subresource !== '') return subresources[path.subresource as Subresource][verb];
  // POST has no name, everything else than a collection's verbs needs one.
  const collection = verb === 'create' || verb === 'list' || verb === 'deletecollection' || verb === 'watch';
  return collection === (path.name === '') || verb === 'watch' ? objects[verb] : undefined;
}
