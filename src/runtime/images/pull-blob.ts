import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { PullError } from './pull-error.ts';
import type { Repository } from './pull-registry.ts';

/** What a manifest says of a blob. */
export interface BlobDescriptor {
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes a blob to a new file, going on where a cut connection left off. Never writes more than the manifest says. Rejects when the
 * content is not what the digest says; what it wrote is the caller's to remove.
 */
export async function downloadBlob(
  repository: Repository,
  { digest, size }: BlobDescriptor,
  file: string,
  onBytes: (count: number) => void,
): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const sink = new BlobSink(handle, size, onBytes);
    await repository.retried(async () => {
      if (sink.done < size || size === 0) await sink.take(await repository.blob(digest, sink.done));
      const found = sink.digest();
      if (found === digest) return;
      sink.restart();
      throw new PullError(`a layer is ${found}, the manifest says ${digest}`, 'transient');
    });
  } finally {
    await handle.close();
  }
}

class BlobSink {
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #onBytes: (count: number) => void;
  #hash = createHash('sha256');
  done = 0;

  constructor(handle: FileHandle, size: number, onBytes: (count: number) => void) {
    this.#handle = handle;
    this.#size = size;
    this.#onBytes = onBytes;
  }

  /** Up to the blob's size, or rejects: what came before that counts. */
  async take(response: IncomingMessage): Promise<void> {
    if (this.done > 0 && !startsAt(response, this.done)) this.restart();
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) await this.#write(chunk);
    } catch (error) {
      if (error instanceof PullError) throw error;
      throw new PullError(`a layer was cut short (${String(error)})`, 'transient', { cause: error });
    }
    if (this.done < this.#size)
      throw new PullError(`a layer was cut short (${this.done} of ${this.#size} bytes)`, 'transient');
  }

  restart(): void {
    this.#onBytes(-this.done);
    this.done = 0;
    this.#hash = createHash('sha256');
  }

  digest(): string {
    return `sha256:${this.#hash.copy().digest('hex')}`;
  }

  async #write(chunk: Buffer): Promise<void> {
    if (this.done + chunk.length > this.#size)
      throw new PullError(`a layer is longer than the ${this.#size} bytes that the manifest says`, 'other');
    for (let written = 0; written < chunk.length;)
      written += (await this.#handle.write(chunk, written, chunk.length - written, this.done + written)).bytesWritten;
    this.#hash.update(chunk);
    this.done += chunk.length;
    this.#onBytes(chunk.length);
  }
}

function startsAt(response: IncomingMessage, offset: number): boolean {
  return response.statusCode === 206 && response.headers['content-range']?.startsWith(`bytes ${offset}-`) === true;
}
