/**
 * Links in what comes from behind a proxy. A page of a pod says `/style.css` and means its own server; the browser would
 * ask the API server for it. So links that begin with the backend's root get the proxy's path in front.
 */
import { Transform } from 'node:stream';

/** Attributes that hold one URL (HTML, list of attributes). */
const urlAttributes =
  /^(action|background|cite|codebase|data|formaction|href|icon|longdesc|manifest|poster|profile|src|usemap)$/i;

/** Elements whose content is text, whatever it looks like. */
const rawText = /^(script|style|textarea|title)$/i;

/** `NAME=VALUE` in a tag: quoted either way, or bare. */
const attribute = /([a-zA-Z][\w:-]*)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

const completeTag = /^<(\/?[a-zA-Z][\w:-]*)((?:"[^"]*"|'[^']*'|[^>"'])*)>/;

/** A tag that is longer is passed on as it is. */
const maxTag = 64 * 1024;

/**
 * The link as the client must ask for it. `prefix` is the proxy's path without a slash at the end. What names another host, is
 * relative, or leads through the proxy already stays.
 */
export function externalLink(link: string, prefix: string, hosts: readonly string[]): string {
  const [, host, path = ''] = /^(?:https?:)?\/\/([^/?#]*)(.*)$/i.exec(link) ?? [undefined, undefined, link];
  if (host !== undefined && !hosts.includes(host.toLowerCase())) return link;
  if (host === undefined && !path.startsWith('/')) return link;
  if (path === prefix || path.startsWith(`${prefix}/`)) return path;
  return path.startsWith('/') ? prefix + path : `${prefix}/${path}`;
}

/** Rewrites a stream of HTML as it passes. Markup is ASCII in every encoding that the web uses, so bytes stay bytes. */
export class LinkRewriter extends Transform {
  readonly #rewrite: (link: string) => string;
  #rest = '';
  /** The end of the element whose text is passed on unseen. */
  #until: RegExp | undefined;

  constructor(rewrite: (link: string) => string) {
    super();
    this.#rewrite = rewrite;
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#rest += chunk.toString('latin1');
    this.push(this.#take(false), 'latin1');
    done();
  }

  override _flush(done: () => void): void {
    this.push(this.#take(true), 'latin1');
    done();
  }

  /** What can be given out; the beginning of a tag waits for its end. */
  #take(last: boolean): string {
    let out = '';
    for (;;) {
      const at = this.#until === undefined ? this.#rest.indexOf('<') : this.#rest.search(this.#until);
      if (at === -1) return out + this.#end(last);
      out += this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(at);
      this.#until = undefined;
      const taken = this.#takeMarkup(last);
      if (taken === undefined) return out;
      out += taken;
    }
  }

  /** No further markup: all goes, but for what may be the beginning of an end tag. */
  #end(last: boolean): string {
    const kept = last || this.#until === undefined ? 0 : Math.min(this.#rest.length, 16);
    const out = this.#rest.slice(0, this.#rest.length - kept);
    this.#rest = this.#rest.slice(this.#rest.length - kept);
    return out;
  }

  /** The tag or sign that the rest begins with; undefined when more must come first. */
  #takeMarkup(last: boolean): string | undefined {
    const [tag, name = '', inner = ''] = completeTag.exec(this.#rest) ?? [];
    if (tag === undefined) {
      const mayGrow = /^<(\/?[a-zA-Z]|\/?$)/.test(this.#rest) && this.#rest.length < maxTag && !last;
      if (mayGrow) return undefined;
      this.#rest = this.#rest.slice(1);
      return '<';
    }
    this.#rest = this.#rest.slice(tag.length);
    if (rawText.test(name)) this.#until = new RegExp(`</${name}[\\s>]`, 'i');
    return `<${name}${inner.replace(attribute, (text, key: string, equals: string, value: string) => this.#value(text, key, equals, value))}>`;
  }

  #value(text: string, key: string, equals: string, value: string): string {
    if (!urlAttributes.test(key)) return text;
    const quote = /^["']/.exec(value)?.[0] ?? '';
    const link = value.slice(quote.length, value.length - quote.length);
    return `${key}${equals}${quote}${this.#rewrite(link)}${quote}`;
  }
}
