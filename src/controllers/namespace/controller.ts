/** Namespace deletion: empties a namespace, then lets it go. */
import { isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/informer.ts';
import { events, namespaces } from '../../api/resources.ts';
import type { Namespace } from '../../api/types.gen.ts';
import { startController, type ControllerContext } from '../controller.ts';
import { byNamespace } from '../indexes.ts';
import { knownResources } from '../known-resources.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { deletionConditions } from './conditions.ts';
import { emptyNamespace } from './content.ts';

/** The finalizer that stands for the namespace's content, in `spec.finalizers`. */
const contentFinalizer = 'kubernetes';
/** Looked at again after this long even if nothing told us to: what remains may be of a kind nobody watches. */
const recheckMs = 5000;

const indexes = { namespace: byNamespace };

/** Starts the controller; it ends with the context's signal. */
export function startNamespaceController(context: ControllerContext): void {
  const { client, informers, now } = context;
  const known = informers.informer(namespaces);
  const watched = knownResources
    .filter((type) => type.namespaced && type !== events)
    .map((type) => informers.informer(type, { indexes }));

  const writeStatus = async (namespace: Namespace, status: Namespace['status']): Promise<Namespace> => {
    if (semanticEqual(namespace.status, status)) return namespace;
    return client.update(namespaces, { ...namespace, ...(status === undefined ? {} : { status }) }, 'status');
  };

  const queue = startController(context, {
    name: 'namespace',
    after: [known],
    reconcile: async (name) => {
      if (known.get(name)?.metadata.deletionTimestamp === undefined) return;
      try {
        // The local copy may be of an older namespace of the same name: nothing is deleted on its word.
        let namespace = await client.get(namespaces, { name });
        if (namespace.metadata.deletionTimestamp === undefined) return;
        namespace = await writeStatus(namespace, { ...namespace.status, phase: 'Terminating' });
        const finalizers = namespace.spec?.finalizers ?? [];
        if (!finalizers.includes(contentFinalizer)) return;
        const remaining = await emptyNamespace(client, name);
        const conditions = deletionConditions(namespace.status?.conditions, remaining, now());
        namespace = await writeStatus(namespace, { ...namespace.status, conditions });
        if (remaining.failures.length > 0) throw new Error(remaining.failures[0]);
        if (remaining.resources.size > 0) return { requeueAfterMs: recheckMs };
        const rest = finalizers.filter((finalizer) => finalizer !== contentFinalizer);
        await client.update(namespaces, { ...namespace, spec: { ...namespace.spec, finalizers: rest } }, 'finalize');
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });

  known.onChange(({ object }) => {
    if (object.metadata.deletionTimestamp !== undefined) queue.add(keyOf(object));
  });
  // The last object of its kind has gone from a namespace that is to go: look again.
  for (const informer of watched) {
    informer.onChange(({ type, object }) => {
      const namespace = object.metadata.namespace ?? '';
      if (type !== 'deleted' || known.get(namespace)?.metadata.deletionTimestamp === undefined) return;
      if (informer.byIndex('namespace', namespace).length === 0) queue.add(namespace);
    });
  }
}
