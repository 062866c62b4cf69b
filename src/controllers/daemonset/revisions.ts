/** Keeps the ControllerRevisions of a DaemonSet. */
import type { ApiClient } from '../../api/client.ts';
import { isAlreadyExists } from '../../api/errors.ts';
import type { Informer } from '../../api/informer.ts';
import { isControlledBy } from '../../api/owner.ts';
import { controllerRevisions, daemonSets } from '../../api/resources.ts';
import type { ControllerRevision, DaemonSet, Pod } from '../../api/types.gen.ts';
import { claimAll } from '../claim.ts';
import { unlessGone, withKind } from '../controller.ts';
import { byController, orphansByNamespace } from '../indexes.ts';
import { OwnWrites } from '../own-writes.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { newRevision, planHistory, surplusRevisions } from './history.ts';

/** The indexes that the informer given to {@link Revisions} must have. */
export const revisionIndexes = { controller: byController, orphans: orphansByNamespace };

export class Revisions {
  readonly #client: ApiClient;
  readonly #informer: Informer<ControllerRevision>;
  readonly #writes: OwnWrites<ControllerRevision>;

  constructor(client: ApiClient, informer: Informer<ControllerRevision>) {
    this.#client = client;
    this.#informer = informer;
    this.#writes = new OwnWrites(informer);
  }

  /** All of one DaemonSet, orphans that it has just adopted among them. */
  async of(daemonSet: DaemonSet): Promise<ControllerRevision[]> {
    const scope = daemonSet.metadata.uid ?? '';
    const candidates = [
      ...this.#informer.byIndex('controller', scope),
      ...this.#informer.byIndex('orphans', daemonSet.metadata.namespace ?? ''),
    ];
    const known = this.#writes.list(scope, candidates);
    const selector = daemonSet.spec?.selector ?? {};
    const owner = withKind(daemonSets, daemonSet);
    return claimAll(this.#client, daemonSets, owner, selector, controllerRevisions, known);
  }

  /** The revision of the newest template, made or moved to the top when it has to be. Rejects when its name is taken: see the status. */
  async settle(daemonSet: DaemonSet, revisions: readonly ControllerRevision[]): Promise<ControllerRevision> {
    const { current, number } = planHistory(daemonSet, revisions);
    if (current === undefined) return this.#create(daemonSet, number);
    if (current.revision === number) return current;
    const { namespace, name = '', uid } = current.metadata;
    const patch = { metadata: { uid }, revision: number };
    const moved = await this.#client.patch(controllerRevisions, { namespace, name }, patch, { type: 'merge' });
    return this.#wrote(daemonSet, moved);
  }

  /** Removes old revisions beyond the limit. */
  async prune(
    daemonSet: DaemonSet,
    revisions: readonly ControllerRevision[],
    current: ControllerRevision,
    pods: readonly Pod[],
  ): Promise<void> {
    const old = revisions.filter(({ metadata }) => metadata.uid !== current.metadata.uid);
    for (const each of surplusRevisions(daemonSet, old, pods)) {
      const { namespace, name = '', uid = '' } = each.metadata;
      await unlessGone(this.#client.delete(controllerRevisions, { namespace, name }, { preconditions: { uid } }));
      this.#writes.deleted(daemonSet.metadata.uid ?? '', each);
    }
  }

  async #create(daemonSet: DaemonSet, number: number): Promise<ControllerRevision> {
    const wanted = newRevision(withKind(daemonSets, daemonSet), daemonSet, number);
    try {
      return this.#wrote(daemonSet, await this.#client.create(controllerRevisions, wanted));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const { namespace, name = '' } = wanted.metadata;
    const there = await this.#client.get(controllerRevisions, { namespace, name });
    if (isControlledBy(there, daemonSet) && semanticEqual(there.data, wanted.data))
      return this.#wrote(daemonSet, there);
    const collisionCount = (daemonSet.status?.collisionCount ?? 0) + 1;
    const status = { ...noPods, ...daemonSet.status, collisionCount };
    await this.#client.update(daemonSets, { ...daemonSet, status }, 'status');
    throw new Error(`ControllerRevision ${name} belongs to another template; trying the next hash`);
  }

  #wrote(daemonSet: DaemonSet, revision: ControllerRevision): ControllerRevision {
    this.#writes.wrote(daemonSet.metadata.uid ?? '', revision);
    return revision;
  }
}

const noPods = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 };
