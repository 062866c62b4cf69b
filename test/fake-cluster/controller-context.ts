/** What a controller is given, over a fake cluster; ends with the test. */
import type { TestContext } from 'node:test';
import type { ControllerContext } from '../../src/controllers/controller.ts';
import { silentLogger } from '../../src/api/logger.ts';
import { createInformerFactory } from '../../src/api/shared-informers.ts';
import { FakeCluster } from './index.ts';

export interface FakeWorld {
  readonly cluster: FakeCluster;
  readonly context: ControllerContext;
  /** `Reason: message` of each event. */
  readonly told: string[];
  /** The clock runs this many ms ahead. */
  skewMs: number;
}

export function fakeWorld(t: TestContext): FakeWorld {
  const cluster = new FakeCluster();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { signal } = stop;
  const told: string[] = [];
  const world: FakeWorld = {
    cluster,
    told,
    skewMs: 0,
    context: {
      client: cluster,
      informers: createInformerFactory(cluster, { logger: silentLogger, signal }),
      events: { event: (_object, _type, reason, message) => void told.push(`${reason}: ${message}`) },
      logger: silentLogger,
      signal,
      now: () => new Date(Date.now() + world.skewMs),
    },
  };
  return world;
}
