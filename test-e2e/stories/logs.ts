/** Logs that outgrow their file: whoever reads or follows them sees every line once. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.gen.ts';
import { run, type Lab } from '../lab.ts';
import { sleeper } from '../workloads.ts';

const NAME = 'loud';
const LINES = 1_000_000;

export function logStories(lab: Lab): void {
  /** Fails at the first line that does not follow on the one before it. */
  const inOrder = async (args: string, first: number): Promise<void> => {
    const awk = `awk '$1 != NR + ${first - 1} { print "line " NR ": " $0; exit 1 } END { if (NR + ${first - 1} != ${LINES}) { print NR " lines"; exit 1 } }'`;
    const kubectl = `kubectl --kubeconfig ${lab.kubeconfig} logs ${args}`;
    await run(['bash', '-c', `${kubectl} | ${awk}`]);
  };

  describe('a container that says a million lines', () => {
    before(async () => {
      const command = ['sh', '-c', `seq 1 ${LINES}; exec sleep 4`];
      const containers = [{ name: 'main', image: 'busybox', command }];
      await lab.apply(sleeper(NAME, { containers, restartPolicy: 'Never' }));
      await lab.kubectl(['wait', '--for=jsonpath={.status.phase}=Running', `pod/${NAME}`, '--timeout=60s']);
    });
    after(async () => {
      await lab.kubectl(['delete', 'pod', NAME, '--wait', '--ignore-not-found']);
    });

    test('logs -f sees each of them once, whatever files they lie in', async () => {
      await inOrder(`-f ${NAME}`, 1);
      const { metadata, spec } = await lab.get<Pod>(['pod', NAME]);
      const folder = `/var/log/pods/default_${NAME}_${metadata.uid}/main`;
      const { stdout } = await lab.onNode(spec?.nodeName ?? '', ['ls', folder]);
      assert.match(stdout, /^0\.log\n0\.log\.1$/m);
    });

    test('logs and logs --tail read them from all files', async () => {
      await inOrder(NAME, 1);
      await inOrder(`--tail=${LINES - 1_000} ${NAME}`, 1_001);
    });
  });
}
