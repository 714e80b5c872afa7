/** Markup that is safe to put into a page as it is. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | undefined | readonly Html[];

/**
 * A template whose inserted texts are escaped: only what another template made goes in as it is. Good inside of
 * elements and of quoted attributes; never inside of a script or style element.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = strings.map((text, index) => text + toMarkup(parts[index])).join('');
  return { markup };
}

/** For our own constants alone. */
export function trusted(markup: string): Html {
  return { markup };
}

function toMarkup(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escape(part);
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters are left out: no browser shows them, and some hide what stands beside them. */
function escape(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => ('\n\t'.includes(character) ? character : ''));
}

/** A link only where it leads to a web page; else its text. */
export function link(uri: string, text: string): Html {
  return /^https?:\/\//i.test(uri)
    ? html`<a href="${uri}" rel="noreferrer">${text}</a>`
    : html`${text} (${uri})`;
}
