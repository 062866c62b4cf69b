/** Servers that refuse EDNS: they are asked again without (RFC 6891 6.2.2), and for a while only so. */
import { readResponse } from '../wire/read-response.ts';
import { rcodes, type Query } from '../wire/types.ts';
import { writeQuery } from '../wire/write-query.ts';
import { withOpt } from '../wire/write-response.ts';
import type { UpstreamServer } from './exchange.ts';

type Question = Pick<Query, 'rawQuestion' | 'edns'>;

/** How long it is not tried again: one that was replaced by a newer one is seen after that. */
const rememberedMs = 15 * 60_000;

const isRefusal = (message: Buffer): boolean => {
  const rcode = (message[3] ?? 0) & 0xf;
  return rcode === rcodes.FORMERR || rcode === rcodes.NOTIMP;
};

/** An asker that spoke EDNS is owed an OPT record (RFC 6891 6.1.1), whoever knew the answer. */
function owed(message: Buffer, edns: NonNullable<Query['edns']>): Buffer {
  return readResponse(message)?.hasOpt === true ? message : withOpt(message, edns.dnssecOk);
}

/**
 * `ask` sends one message to one server. What is refused with and without EDNS is refused for another reason: it is passed on, and
 * nothing is remembered. `now` in ms.
 */
export function createPlainFallback(
  ask: (server: UpstreamServer, message: Buffer) => Promise<Buffer>,
  now: () => number = Date.now,
): (server: UpstreamServer, question: Question) => Promise<Buffer> {
  const plainUntil = new Map<UpstreamServer, number>();
  return async (server, { rawQuestion, edns }) => {
    const plain = writeQuery({ rawQuestion, edns: undefined });
    if (edns === undefined) return ask(server, plain);
    if (now() < (plainUntil.get(server) ?? 0)) return owed(await ask(server, plain), edns);
    const answer = await ask(server, writeQuery({ rawQuestion, edns }));
    if (!isRefusal(answer)) return owed(answer, edns);
    const again = await ask(server, plain);
    if (!isRefusal(again)) plainUntil.set(server, now() + rememberedMs);
    return owed(again, edns);
  };
}
