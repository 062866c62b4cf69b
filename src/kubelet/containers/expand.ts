/** `$(NAME)` in env values, commands, args and subPathExpr: the API's own expansion rule. Pure. */

/** Replaces `$(NAME)` by its value; `$$` is a plain `$`; a name that `lookup` does not know stays as it stands. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    if (whole === '$$') return '$';
    return lookup(name ?? '') ?? whole;
  });
}
