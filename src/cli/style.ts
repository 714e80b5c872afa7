import { styleText } from 'node:util';

/** What is said, not how it looks: colors follow from it, and only on a terminal. */
export type Tone = 'good' | 'bad' | 'busy' | 'quiet' | 'strong';

export type Paint = (tone: Tone, text: string) => string;

const COLORS = {
  good: 'green',
  bad: 'red',
  busy: 'cyan',
  quiet: 'dim',
  strong: 'bold',
} as const satisfies Record<Tone, string>;

/** Colors on a terminal that has not refused them. Source: no-color.org. */
export function createPaint(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  const isRefused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  if (stream.isTTY !== true || isRefused) return (_tone, text) => text;
  return (tone, text) => styleText(COLORS[tone], text, { validateStream: false });
}

/** The tone of a phase or of a closed task's word. */
export function toneOf(word: string): Tone {
  if (word === 'SUCCEEDED') return 'good';
  return ['FAILED', 'RETRYABLE_FAILED', 'ABORTED', 'CANCELED'].includes(word) ? 'bad' : 'busy';
}
