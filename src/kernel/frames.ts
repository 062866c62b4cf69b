import type { Duplex } from 'node:stream';

/** No honest frame is larger: two outputs of the default limit, escaped. */
const maxFrameBytes = 512 * 1024 * 1024;
const headerBytes = 4;

/** Writes one message: four bytes of length, big endian, then JSON. */
export function writeFrame(stream: Duplex, message: unknown): void {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(body.length);
  stream.cork();
  stream.write(header);
  stream.write(body);
  stream.uncork();
}

/** Calls `onMessage` for every whole message that arrives; a frame beyond all limits destroys the stream. */
export function readFrames(stream: Duplex, onMessage: (message: unknown) => void): void {
  let chunks: Buffer[] = [];
  let have = 0;
  let need = headerBytes;
  let inBody = false;
  const take = (): Buffer => {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const part = all.subarray(0, need);
    chunks = all.length > need ? [all.subarray(need)] : [];
    have -= need;
    return part;
  };
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    have += chunk.length;
    while (have >= need) {
      const part = take();
      if (inBody) onMessage(JSON.parse(part.toString()));
      need = inBody ? headerBytes : part.readUInt32BE();
      inBody = !inBody;
      if (inBody && need > maxFrameBytes) {
        stream.destroy(new Error(`frame of ${need} bytes`));
        return;
      }
    }
  });
}
