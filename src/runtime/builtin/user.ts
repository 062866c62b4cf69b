/** Who a container runs as: from the pod, the image, and the image's own /etc/passwd and /etc/group. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** The texts of the image's user files; empty when it has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** `image.User` is `user[:group]`, each a name or a number; the pod's numbers come first. Throws on a name that nobody has. */
export function resolveUser(
  wanted: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly supplementalGroups?: readonly number[];
    readonly imageUser?: string;
  },
  files: UserFiles,
): ContainerUser {
  const [userText = '', groupText = ''] = (wanted.imageUser ?? '').split(':');
  const accounts = parsePasswd(files.passwd);
  const account =
    wanted.runAsUser === undefined ? accountOf(userText, accounts) : withNumber(wanted.runAsUser, accounts);
  const ofImage = wanted.runAsUser === undefined && groupText !== '' ? groupOf(groupText, files.group) : account.gid;
  const gid = wanted.runAsGroup ?? ofImage;
  const others = new Set([...groupsWith(account.name, files.group), ...(wanted.supplementalGroups ?? [])]);
  others.delete(gid);
  return { uid: account.uid, gid, additionalGids: [...others], home: account.home };
}

function accountOf(text: string, accounts: readonly Account[]): Account {
  if (text === '') return withNumber(0, accounts);
  const named = accounts.find((account) => account.name === text);
  if (named !== undefined) return named;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`the image has no user ${JSON.stringify(text.slice(0, 64))}`);
  return withNumber(Number(text), accounts);
}

function withNumber(uid: number, accounts: readonly Account[]): Account {
  return accounts.find((account) => account.uid === uid) ?? { name: '', uid, gid: 0, home: uid === 0 ? '/root' : '/' };
}

function groupOf(text: string, groups: string): number {
  const named = rows(groups).find(([name]) => name === text)?.[2];
  const gid = Number(named ?? text);
  if (!Number.isSafeInteger(gid) || gid < 0)
    throw new Error(`the image has no group ${JSON.stringify(text.slice(0, 64))}`);
  return gid;
}

function groupsWith(user: string, groups: string): number[] {
  if (user === '') return [];
  return rows(groups)
    .filter(([, , , members]) => members?.split(',').includes(user))
    .map(([, , gid]) => Number(gid))
    .filter(Number.isSafeInteger);
}

function parsePasswd(text: string): Account[] {
  return rows(text).flatMap(([name = '', , uid, gid, , home]) =>
    /^\d+$/.test(uid ?? '') && /^\d+$/.test(gid ?? '')
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home === undefined || home === '' ? '/' : home }]
      : [],
  );
}

function rows(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}

const maxFileBytes = 1024 * 1024;

/** Reads both files from an image's layers, the top one first; links are not followed: they could lead out of the image. */
export async function readUserFiles(layers: readonly string[]): Promise<UserFiles> {
  const [passwd, group] = await Promise.all([readFrom(layers, 'passwd'), readFrom(layers, 'group')]);
  return { passwd, group };
}

async function readFrom(layers: readonly string[], name: string): Promise<string> {
  for (const layer of layers) {
    const folder = await lstat(join(layer, 'etc')).catch(() => undefined);
    if (folder === undefined) continue;
    if (!folder.isDirectory()) return '';
    const path = join(layer, 'etc', name);
    const facts = await lstat(path).catch(() => undefined);
    if (facts === undefined) continue;
    return facts.isFile() && facts.size <= maxFileBytes ? readFile(path, 'utf8') : '';
  }
  return '';
}
