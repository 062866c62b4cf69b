import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** `sha256:…` of bytes. */
export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The 64 hex digits of a digest. Throws when it is none: it becomes a file name. */
export function digestHex(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new Error(`${JSON.stringify(digest.slice(0, 100))} is no sha256 digest`);
  return hex;
}

/** Passes bytes on and hashes them. */
export class DigestStream extends Transform {
  readonly #hash: Hash = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }

  /** Of all that passed; ask once, when the stream has ended. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}

/** The stream that unpacks a file of gzip or zstd, told by its first bytes; undefined where it is neither. */
export async function decompressorOf(path: string): Promise<Transform | undefined> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.readUInt16BE() === 0x1f8b) return createGunzip();
    if (buffer.readUInt32BE() === 0x28b52ffd) return createZstdDecompress();
    return undefined;
  } finally {
    await file.close();
  }
}
