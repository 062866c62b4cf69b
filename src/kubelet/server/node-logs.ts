/** `/logs/…`: the files of the machine's /var/log, folders as a page of links, as upstream's kubelet shows them. */
import { constants } from 'node:fs';
import { open, readdir, realpath, type FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HttpError } from './errors.ts';

const maxEntries = 10_000;

const notFound = (): HttpError => new HttpError(404, '404 page not found');

/** The path with all links followed. Throws 404 for what is not there, or leads out of the folder. */
async function resolved(root: string, path: string): Promise<string> {
  if (path.includes('\0')) throw notFound();
  const [folder, target] = await Promise.all([realpath(root), realpath(join(root, path))]).catch(() => {
    throw notFound();
  });
  if (target !== folder && !target.startsWith(folder + sep)) throw notFound();
  return target;
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

async function listFolder(path: string, response: ServerResponse): Promise<void> {
  const entries = (await readdir(path, { withFileTypes: true })).slice(0, maxEntries);
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map(
    (name) => `<a href="./${encodeURIComponent(name).replaceAll('%2F', '/')}">${escaped(name)}</a>\n`,
  );
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<pre>\n${links.join('')}</pre>\n`);
}

/** As long as it was when it was opened: one that grows would never end. */
async function sendFile(file: FileHandle, size: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': size });
  if (size === 0) {
    response.end();
    return;
  }
  await pipeline(file.createReadStream({ end: size - 1, autoClose: false }), response).catch(() => response.destroy());
}

/** Answers with what is at `path` (its parts decoded) below `root`. Throws 404. */
export async function serveNodeLogs(root: string, parts: readonly string[], response: ServerResponse): Promise<void> {
  const path = await resolved(root, parts.join('/'));
  // A pipe would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => {
    throw notFound();
  });
  try {
    const stats = await file.stat();
    if (stats.isFile()) return await sendFile(file, stats.size, response);
    if (!stats.isDirectory()) throw notFound();
    if (parts.at(-1) === '') return await listFolder(path, response);
    // Else the links of the page would be taken from the folder above.
    response.writeHead(301, { location: `./${encodeURIComponent(parts.at(-1) ?? 'logs')}/` }).end();
  } finally {
    await file.close();
  }
}
