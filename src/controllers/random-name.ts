/** Names as the API server generates them; made here, so that a create can be recognised when the informer shows it. */
import { randomInt } from 'node:crypto';

/** No vowels and nothing that looks like another character, as apimachinery's rand has it. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
/** A DNS label has at most 63 characters; a generated name keeps to that, as upstream's generator does. */
const maxName = 63;
const suffixLength = 5;

/** `base` (cut short when it must be) and five random characters. */
export function randomName(base: string, random: (below: number) => number = (below) => randomInt(below)): string {
  const suffix = Array.from({ length: suffixLength }, () => alphabet.charAt(random(alphabet.length))).join('');
  return base.slice(0, maxName - suffixLength) + suffix;
}
