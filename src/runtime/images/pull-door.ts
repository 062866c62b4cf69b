/**
 * Pulling from where there is no way to a registry: a node that is a network namespace asks through a Unix socket, and who
 * listens there, in the host's namespace, fetches. One line of JSON in; lines of progress and one result out.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import type { ImageInfo, ImageService, PullOptions, PullProgress, RegistryCredentials } from '../contract.ts';
import { PullError, type PullFailure } from './pull-error.ts';

interface Question {
  readonly reference: string;
  readonly credentials?: RegistryCredentials | undefined;
}

type Answer =
  | { readonly progress: PullProgress | null }
  | { readonly image: ImageInfo }
  | { readonly error: string; readonly failure: PullFailure };

const maxQuestionBytes = 64 * 1024;
const maxAnswerBytes = 1024 * 1024;
const questionMs = 10_000;
const progressMs = 500;
/** A word this often, also when nothing goes on (waiting for another pull): silence means death. */
const heartbeatMs = 5_000;
const silenceMs = 30_000;
/** As long as a supervisor may need to start the listener again. */
const connectMs = 5_000;

/** Serves one caller: `input` is what it says, `output` what it hears. When the caller goes away, the pull ends. */
export async function servePull(
  images: Pick<ImageService, 'pullImage'>,
  input: Readable,
  output: Writable,
  isInsecure: (reference: string) => boolean,
): Promise<void> {
  const gone = new AbortController();
  output.on('error', () => gone.abort());
  const tell = (answer: Answer): void => void output.write(`${JSON.stringify(answer)}\n`);
  let progress: PullProgress | null = null;
  let toldAt = Date.now();
  const word = (): void => {
    toldAt = Date.now();
    tell({ progress });
  };
  const heartbeat = setInterval(word, heartbeatMs);
  try {
    const { reference, credentials } = await question(input);
    input.on('data', () => undefined).once('close', () => gone.abort());
    input.once('end', () => gone.abort());
    const image = await images.pullImage(reference, {
      credentials,
      insecure: isInsecure(reference),
      signal: gone.signal,
      onProgress: (now) => {
        progress = now;
        if (Date.now() - toldAt > progressMs) word();
      },
    });
    tell({ image });
  } catch (error) {
    const failure = error instanceof PullError ? error.failure : 'other';
    tell({ error: error instanceof Error ? error.message : String(error), failure });
  } finally {
    clearInterval(heartbeat);
  }
}

/** The first line, checked. */
async function question(input: Readable): Promise<Question> {
  const timer = setTimeout(() => input.destroy(new Error('no question came')), questionMs);
  try {
    const value = JSON.parse(await firstLine(input, maxQuestionBytes)) as Record<string, unknown>;
    const { reference, credentials } = value;
    if (typeof reference !== 'string') throw new Error('the question names no image');
    return { reference, ...(credentials === undefined ? {} : { credentials: checkedCredentials(credentials) }) };
  } finally {
    clearTimeout(timer);
  }
}

function checkedCredentials(value: unknown): RegistryCredentials {
  const { username, password, identityToken } = (value ?? {}) as Record<string, unknown>;
  if (typeof username !== 'string' || typeof password !== 'string') throw new Error('the credentials are none');
  return { username, password, ...(typeof identityToken === 'string' ? { identityToken } : {}) };
}

function firstLine(input: Readable, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = Buffer.of();
    const onData = (chunk: Buffer): void => {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= maxBytes) return;
      input.off('data', onData);
      if (end < 0) reject(new Error('the question is too long'));
      else resolve(text.toString('utf8', 0, end));
    };
    input.on('data', onData);
    input.once('end', () => reject(new Error('the question was cut short')));
    input.once('error', reject);
  });
}

/** Asks the door at `path` to pull. Rejects with a PullError, also when nobody is there. `insecure` is for the door's side to say. */
export async function pullThroughDoor(path: string, reference: string, options: PullOptions = {}): Promise<ImageInfo> {
  const { credentials, signal } = options;
  signal?.throwIfAborted();
  const socket = await knock(path);
  const onAbort = (): void => void socket.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    socket.setTimeout(silenceMs, () => socket.destroy(new Error(`nothing heard for ${silenceMs / 1000} s`)));
    socket.write(`${JSON.stringify({ reference, credentials } satisfies Question)}\n`);
    for await (const line of boundedLines(socket)) {
      const answer = JSON.parse(line) as Answer;
      if ('image' in answer) return answer.image;
      if ('error' in answer) throw new PullError(answer.error, answer.failure);
      if (answer.progress !== null) options.onProgress?.(answer.progress);
    }
    throw new Error('it was cut short');
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PullError) throw error;
    throw new PullError(`pulling ${reference}: the host's side at ${path}: ${String(error)}`, 'transient', {
      cause: error,
    });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

async function knock(path: string): Promise<Socket> {
  for (const end = Date.now() + connectMs; ;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (Date.now() > end)
        throw new PullError(
          `nobody fetches images at ${path} (${String(error)}): podwire up repairs that`,
          'transient',
          {
            cause: error,
          },
        );
      await sleep(200);
    }
  }
}

async function* boundedLines(socket: Socket): AsyncGenerator<string> {
  let text = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket as AsyncIterable<string>) {
    text += chunk;
    if (text.length > maxAnswerBytes) throw new Error('an answer is too long');
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}
