/** Names that the server makes up, as upstream makes them: a prefix and five letters. */
import { randomInt } from 'node:crypto';

/** Letters that make no words and cannot be taken for one another. */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789';
const generatedLength = 5;
const maxPrefix = 63 - generatedLength;

/** A label of at most 63 characters; a longer prefix is cut. It may be taken: whoever needs it alone must look. */
export function generatedName(prefix: string): string {
  const letters = Array.from({ length: generatedLength }, () => nameLetters[randomInt(nameLetters.length)]);
  return prefix.slice(0, maxPrefix) + letters.join('');
}
