/** A reporter of node:test: the files that were run and in which a test failed, one a line, as often as it happened. */
import type { TestEvent } from 'node:test/reporters';

export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail') continue;
    // Where a test is written may be another file, which registers it.
    const file = data.entryFile ?? data.file;
    if (file !== undefined) yield `${file}\n`;
  }
}
