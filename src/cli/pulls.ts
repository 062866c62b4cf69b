/** Where a node's images come from. */
import type { ImageService } from '../runtime/contract.ts';
import { pullThroughDoor } from '../runtime/images/pull-door.ts';
import { registryOf } from '../runtime/images/reference.ts';
import type { AgentArguments } from './commands/agent.ts';

/** The store, its pulls going through the door of the lab when there is one, and knowing which registries may be insecure. */
export function pullsOf(
  images: ImageService,
  argv: Pick<AgentArguments, 'image-door' | 'insecure-registry'>,
): ImageService {
  const door = argv['image-door'];
  const insecure = argv['insecure-registry'];
  return {
    imageStatus: (reference) => images.imageStatus(reference),
    listImages: () => images.listImages(),
    importArchive: (path, options) => images.importArchive(path, options),
    removeImage: (reference) => images.removeImage(reference),
    pullImage: (reference, options = {}) =>
      door === undefined
        ? images.pullImage(reference, { insecure: insecure.includes(registryOf(reference)), ...options })
        : pullThroughDoor(door, reference, options),
  };
}
