/** Writes to the store named by its argument until it is killed; prints each revision once it is durable. */
import { silentLogger } from '../../src/api/logger.ts';
import { openEmbeddedStore } from '../../src/store/embedded/index.ts';

const store = await openEmbeddedStore({
  path: process.argv[2] as string,
  logger: silentLogger,
  compactAboveBytes: 256 * 1024,
});
await Promise.all(
  Array.from({ length: 4 }, async (_, writer) => {
    let revision = 0;
    for (let round = 0; ; round++) {
      const value = Buffer.from(`${round}:${'x'.repeat(500)}`);
      revision = (await store.put(`/w${writer}`, value, revision)).modRevision;
      process.stdout.write(`${writer} ${round}\n`);
    }
  }),
);
