/** A query of our own: what the asker said beyond the question (options, cookies) stays here. */
import { types, type Query } from './types.ts';
import { maxPayload } from './write-response.ts';

/** ID 0: whoever sends it chooses one. */
export function writeQuery({ rawQuestion, edns }: Pick<Query, 'rawQuestion' | 'edns'>): Buffer {
  const message = Buffer.alloc(12 + rawQuestion.length + (edns === undefined ? 0 : 11));
  message.writeUInt16BE(0x0100, 2); // recursion desired
  message.writeUInt16BE(1, 4);
  let at = 12 + rawQuestion.copy(message, 12);
  if (edns !== undefined) {
    message.writeUInt16BE(1, 10);
    at = message.writeUInt16BE(types.OPT, at + 1);
    at = message.writeUInt16BE(maxPayload, at);
    if (edns.dnssecOk) message.writeUInt8(0x80, at + 2);
  }
  return message;
}

/** The question section for a name, as bytes. */
export function writeQuestion(name: string, type: number, ofClass: number): Buffer {
  const labels = name === '' ? [] : name.split('.').map((label) => Buffer.from(label, 'latin1'));
  const parts = labels.flatMap((label) => [Buffer.from([label.length]), label]);
  const end = Buffer.alloc(5);
  end.writeUInt16BE(type, 1);
  end.writeUInt16BE(ofClass, 3);
  return Buffer.concat([...parts, end]);
}
