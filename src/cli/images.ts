/** The image store of this machine. */
import { createLogger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import { createDirectExec } from '../kernel/run-process.ts';
import { imageFolder, LabError } from '../lab/index.ts';
import type { ImageService } from '../runtime/contract.ts';
import { busyboxNames, makeBusyboxImage } from '../runtime/images/busybox.ts';
import { createImageService } from '../runtime/images/index.ts';

/** Throws a LabError unless run as root. Only warnings are printed. */
export function openImages(exec: Exec = createDirectExec()): ImageService {
  if (process.getuid?.() !== 0) throw new LabError(`${imageFolder}: only root may change it (sudo)`);
  const logger = createLogger((line) => {
    if (!line.includes(' INFO ')) process.stderr.write(line);
  });
  return createImageService({ dir: imageFolder, exec, logger });
}

/** The image that every lab has, so that pods run where there is no internet. True when it had to be made. */
export async function importBusybox(exec: Exec): Promise<boolean> {
  const images = openImages(exec);
  const present = await Promise.all(busyboxNames.map((name) => images.imageStatus(name)));
  if (present.every((image) => image !== undefined)) return false;
  await makeBusyboxImage({ images, exec });
  return true;
}
