/** How deep a body nests, told from its bytes: what is deep enough costs parsers seconds, and takes the stack of all that walks over its value. */

/** Deeper than any object of the API, a tenth of what upstream's decoder takes. */
const maxDepth = 1000;

const [quote, backslash, openList, closeList, openMap, closeMap] = Buffer.from('"\\[]{}') as unknown as number[];

/** Brackets within texts do not count. */
export function nestsTooDeepJson(body: Buffer): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (inText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === openList || byte === openMap) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (byte === closeList || byte === closeMap) depth -= 1;
  }
  return false;
}

/**
 * What is text in YAML only its parser knows, so all brackets count; nobody writes a thousand that are never closed. By
 * indentation alone a body of the longest length does not get much deeper than the limit, but by dashes in one line it does.
 */
export function nestsTooDeepYaml(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1);
    if (depth > maxDepth) return true;
  }
  return /(?:[-?:] ){100}/.test(text);
}
