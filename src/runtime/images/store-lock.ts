import { startProcess } from '../../kernel/start-process.ts';

const waitSeconds = 600;

/**
 * Runs `action` while no other process of the machine does, in whichever namespaces it lives. flock(1) holds the lock and the kernel
 * lets it go when the holder ends, however it ends: its `cat` reads our pipe.
 */
export async function withLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  const holder = await startProcess({
    argv: ['flock', '--exclusive', '--no-fork', `--timeout=${waitSeconds}`, file, 'cat'],
    stdin: true,
  });
  try {
    holder.stderr?.resume();
    holder.stdin?.write('locked\n'); // comes back when the lock is ours
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      void holder.ended.then(({ exitCode }) => reject(new Error(`no lock on ${file} (flock ended with ${exitCode})`)));
    });
    return await action();
  } finally {
    holder.stdin?.end();
    await holder.ended;
  }
}
