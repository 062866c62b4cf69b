/** Reads the folder of manifests: regular files, not too many, not too large. */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export type ManifestFile = { readonly text: string } | { readonly problem: string };

/** More files than a node may have pods make no sense. */
const maxFiles = 500;
const maxBytes = 1024 * 1024;

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function readOne(path: string): Promise<ManifestFile> {
  // A FIFO would not let us go otherwise.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return { problem: `${path}: is no regular file` };
    const buffer = Buffer.alloc(Math.min(stat.size, maxBytes) + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxBytes) return { problem: `${path}: is larger than ${maxBytes} bytes` };
    return { text: buffer.toString('utf8', 0, bytesRead) };
  } finally {
    await file.close();
  }
}

/**
 * By path, in the order of names. Names with a dot in front and folders are passed over; no folder is an empty one. Rejects when it
 * cannot be read: what was known of it stays true then.
 */
export async function readManifestFolder(folder: string): Promise<ReadonlyMap<string, ManifestFile>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isGone(error)) return [];
    throw error;
  });
  const names = entries.filter((entry) => !entry.name.startsWith('.') && !entry.isDirectory()).map(({ name }) => name);
  const found = new Map<string, ManifestFile>();
  for (const [index, name] of names.sort().entries()) {
    const path = join(folder, name);
    if (index >= maxFiles) {
      found.set(path, { problem: `${path}: is one file too many: a folder of manifests holds ${maxFiles} at most` });
      continue;
    }
    const file = await readOne(path).catch((error: unknown) => {
      if (isGone(error)) return undefined;
      return { problem: `${path}: cannot be read: ${String(error)}` };
    });
    if (file !== undefined) found.set(path, file);
  }
  return found;
}
