/** Root CA publisher: a ConfigMap in every namespace, by which pods know the API server. */
import { isAlreadyExists, isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/informer.ts';
import { configMaps, namespaces } from '../api/resources.ts';
import type { ConfigMap } from '../api/types.gen.ts';
import { startController, type ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './namespace/terminating.ts';
import { semanticEqual } from './semantic-equal.ts';

const name = 'kube-root-ca.crt';

/** Starts the controller. `rootCA` is PEM text. */
export function startRootCaPublisher(context: ControllerContext, { rootCA }: { readonly rootCA: string }): void {
  const { client, informers } = context;
  const namespaceInformer = informers.informer(namespaces);
  const known = informers.informer(configMaps, { fieldSelector: `metadata.name=${name}` });
  const data = { 'ca.crt': rootCA };

  const write = async (namespace: string, current: ConfigMap | undefined): Promise<void> => {
    if (current === undefined) await client.create(configMaps, { metadata: { namespace, name }, data });
    else await client.update(configMaps, { ...current, data });
  };

  const queue = startController(context, {
    name: 'root-ca-publisher',
    after: [namespaceInformer, known],
    reconcile: async (namespace) => {
      const home = namespaceInformer.get(namespace);
      if (home === undefined || home.metadata.deletionTimestamp !== undefined) return;
      const current = known.get(`${namespace}/${name}`);
      if (current !== undefined && semanticEqual(current.data, data)) return;
      try {
        await write(namespace, current);
      } catch (error) {
        if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
      }
    },
  });

  namespaceInformer.onChange(({ object }) => queue.add(keyOf(object)));
  known.onChange(({ object }) => queue.add(object.metadata.namespace ?? ''));
}
