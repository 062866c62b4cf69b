/** Carries out plans for EndpointSlices, and remembers what it wrote. */
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { Informer } from '../../api/informer.ts';
import { endpointSlices } from '../../api/resources.ts';
import type { EndpointSlice } from '../../api/types.gen.ts';
import { unlessGone, type ControllerContext } from '../controller.ts';
import { isNamespaceTerminating } from '../namespace/terminating.ts';
import { OwnWrites } from '../own-writes.ts';
import { randomName } from '../random-name.ts';
import { serviceKeyOf } from './slice-owner.ts';
import type { SlicesPlan } from './slices-plan.ts';

/** Indexes that the informer of a {@link SliceWriter} carries: slices by their Service, one index a manager. */
export const indexOf = (manager: string): Record<string, (slice: EndpointSlice) => string[]> => ({
  [manager]: (slice) => {
    const key = serviceKeyOf(slice, manager);
    return key === undefined ? [] : [key];
  },
});

/** The slices of one manager. */
export class SliceWriter {
  readonly #client: ControllerContext['client'];
  readonly #slices: Informer<EndpointSlice>;
  readonly #manager: string;
  readonly #writes: OwnWrites<EndpointSlice>;

  constructor({ client }: ControllerContext, slices: Informer<EndpointSlice>, manager: string) {
    this.#client = client;
    this.#slices = slices;
    this.#manager = manager;
    this.#writes = new OwnWrites<EndpointSlice>(slices);
  }

  /** The slices of a Service as they are now. */
  of(key: string): EndpointSlice[] {
    return this.#writes.list(key, this.#slices.byIndex(this.#manager, key));
  }

  /** What comes back is for the queue. A namespace on its way out takes nothing new, and needs nothing. */
  async apply(key: string, plan: SlicesPlan): Promise<void | { requeueAfterMs: number }> {
    try {
      await Promise.all([
        ...plan.create.map(async (slice) => {
          const name = randomName(slice.metadata.generateName ?? '');
          const named = { ...slice, metadata: { ...slice.metadata, name } };
          this.#writes.wrote(key, await this.#client.create(endpointSlices, named));
        }),
        ...plan.update.map(async (slice) => this.#writes.wrote(key, await this.#client.update(endpointSlices, slice))),
        ...plan.remove.map(async (slice) => {
          const { namespace, name = '' } = slice.metadata;
          await unlessGone(this.#client.delete(endpointSlices, { namespace, name }));
          this.#writes.deleted(key, slice);
        }),
      ]);
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error) || isNotFound(error)) return { requeueAfterMs: 20 };
      throw error;
    }
    return undefined;
  }

  /** Calls `add` when somebody else changed or deleted a slice of this manager. */
  onInterference(add: (key: string) => void): void {
    this.#slices.onChange(({ type, object, previous }) => {
      const before = previous === undefined ? undefined : serviceKeyOf(previous, this.#manager);
      const key = serviceKeyOf(object, this.#manager) ?? before;
      if (key === undefined || type === 'added' || this.#writes.isOwn(object)) return;
      add(key);
    });
  }
}
