/** The files of one container's log, oldest first: `0.log.1`, `0.log.2`, …, and `0.log`, which is written to. */
import { open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

export interface LogFile {
  readonly path: string;
  /** Its place in the order of files; infinite for the one that is written to. */
  readonly number: number;
  readonly inode: number;
  readonly size: number;
}

/** A rotation between two looks is no reason to give up; one between each of so many is. */
const maxLooks = 50;

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** The path of the `number`th file that was put aside. Numbers, unlike times, never go back. */
export function rotatedPath(path: string, number: number): string {
  return `${path}.${number}`;
}

/** Numbers of the files that were put aside, in order. */
export async function rotatedNumbers(path: string): Promise<readonly number[]> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix));
  const ends = names.map((name) => name.slice(prefix.length)).filter((end) => /^[1-9]\d{0,14}$/.test(end));
  return ends.map(Number).sort((a, b) => a - b);
}

async function lookOnce(path: string): Promise<readonly LogFile[]> {
  const numbers = await rotatedNumbers(path);
  const files: LogFile[] = [];
  for (const number of [...numbers, Infinity]) {
    const each = number === Infinity ? path : rotatedPath(path, number);
    try {
      const { ino, size } = await stat(each);
      files.push({ path: each, number, inode: ino, size });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return files;
}

const text = (files: readonly LogFile[]): string => files.map(({ path, inode }) => `${inode} ${path}`).join('\n');

/**
 * All files at one moment: two looks that agree, since a rotation moves what is between two steps of one look. For a moment during a
 * rotation the file that is written to is the last of those put aside. Empty when there is no log; rejects when there is no folder.
 */
export async function logFiles(path: string): Promise<readonly LogFile[]> {
  let last = await lookOnce(path);
  for (let look = 0; look < maxLooks; look += 1) {
    const next = await lookOnce(path);
    if (text(next) === text(last)) return next;
    last = next;
  }
  throw new Error(`${path}: its files change faster than they can be looked at`);
}

/** Opens one of them; undefined when another file has that name by now. */
export async function openLogFile({ path, inode }: LogFile): Promise<FileHandle | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  if ((await file.stat()).ino === inode) return file;
  await file.close();
  return undefined;
}

/** Removes a log with all its files; no error when there is none. */
export async function removeLog(path: string): Promise<void> {
  const numbers = await rotatedNumbers(path).catch(() => []);
  const paths = [...numbers.map((number) => rotatedPath(path, number)), path];
  await Promise.all(paths.map((each) => rm(each, { force: true })));
}
