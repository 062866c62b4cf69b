/** So that two processes never write one store. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Another process (or this one) has the store open. */
export class StoreLocked extends Error {
  override readonly name = 'StoreLocked';
}

/**
 * Takes an exclusive lock on `path`, which stays an empty file, and answers the function that lets go of it.
 * Node has no call for file locks; SQLite takes one (fcntl) for an exclusive transaction, the kernel drops it with the
 * process however that ends, and it holds across PID and network namespaces, which a pid file does not.
 */
export function lockFile(path: string): () => void {
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new StoreLocked(`${path} is locked: another server has this store open`, { cause: error });
  }
  return () => database.close();
}
