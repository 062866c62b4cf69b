import assert from 'node:assert/strict';
import test from 'node:test';
import type { Container, Pod, Volume } from '../../api/types.gen.ts';
import { hasStorageLimit, overuseOf } from './local-storage.ts';

const container = (name: string, limit?: string): Container => ({
  name,
  ...(limit !== undefined && { resources: { limits: { 'ephemeral-storage': limit } } }),
});
const pod = (containers: readonly Container[], volumes: readonly Volume[] = []): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [...containers], volumes: [...volumes] },
});
const scratch: Volume = { name: 'scratch', emptyDir: { sizeLimit: '1Mi' } };
const mebi = 1024 * 1024;

const cases: readonly [
  what: string,
  of: Pod,
  containers: readonly number[],
  scratchBytes: number,
  says: string | undefined,
][] = [
  ['within its limit', pod([container('a', '5Mi')]), [5 * mebi], 0, undefined],
  [
    'one container beyond the limit of all',
    pod([container('a', '5Mi')]),
    [5 * mebi + 1],
    0,
    'Pod ephemeral local storage usage exceeds the total limit of containers 5242880. ',
  ],
  [
    'one of two beyond its own',
    pod([container('a', '5Mi'), container('b', '9Mi')]),
    [6 * mebi, 0],
    0,
    'Container a exceeded its local ephemeral storage limit "5Mi". ',
  ],
  [
    'another without a limit may take what it wants',
    pod([container('a', '5Mi'), container('b')]),
    [mebi, 90 * mebi],
    0,
    undefined,
  ],
  [
    'a volume beyond its size',
    pod([container('a')], [scratch]),
    [0],
    mebi + 1,
    'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ',
  ],
  [
    'a volume counts for the pod',
    pod([container('a', '1Mi')], [{ name: 'scratch', emptyDir: {} }]),
    [0],
    2 * mebi,
    'Pod ephemeral local storage usage exceeds the total limit of containers 1048576. ',
  ],
];

for (const [what, of, used, scratchBytes, says] of cases) {
  test(`a pod's disk: ${what}`, () => {
    const containers = new Map(used.map((bytes, index) => [of.spec?.containers[index]?.name ?? '', bytes]));
    const why = overuseOf(of, { containers, emptyDirs: new Map([['scratch', scratchBytes]]) });
    assert.deepEqual(why, says === undefined ? undefined : { reason: 'Evicted', message: says });
  });
}

test('a pod without limits is not counted; one in memory takes no disk', () => {
  assert.equal(hasStorageLimit(pod([container('a')])), false);
  assert.equal(
    hasStorageLimit(pod([container('a')], [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }])),
    false,
  );
  assert.equal(hasStorageLimit(pod([container('a')], [scratch])), true);
});
