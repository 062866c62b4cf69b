/** Service accounts: every namespace has one named `default`. */
import { isAlreadyExists, isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/informer.ts';
import { namespaces, serviceAccounts } from '../api/resources.ts';
import { startController, type ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './namespace/terminating.ts';

const name = 'default';

/** Starts the controller; it ends with the context's signal. */
export function startServiceAccountController(context: ControllerContext): void {
  const { client, informers } = context;
  const namespaceInformer = informers.informer(namespaces);
  const known = informers.informer(serviceAccounts);

  const queue = startController(context, {
    name: 'service-account',
    after: [namespaceInformer, known],
    reconcile: async (namespace) => {
      const home = namespaceInformer.get(namespace);
      if (home === undefined || home.metadata.deletionTimestamp !== undefined) return;
      if (known.get(`${namespace}/${name}`) !== undefined) return;
      try {
        await client.create(serviceAccounts, { metadata: { namespace, name } });
      } catch (error) {
        if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
      }
    },
  });

  namespaceInformer.onChange(({ object }) => queue.add(keyOf(object)));
  known.onChange(({ type, object }) => {
    if (type === 'deleted' && object.metadata.name === name) queue.add(object.metadata.namespace ?? '');
  });
}
