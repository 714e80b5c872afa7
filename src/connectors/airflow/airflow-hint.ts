/** `; did you mean …?` for a name that is nearly right, else what is known. */
export function hintFor(name: string, known: readonly string[]): string {
  const nearest = known.find((candidate) => isNear(name, candidate));
  return nearest === undefined ? ` (known: ${known.join(', ')})` : `; did you mean ${nearest}?`;
}

/** The same but for case and punctuation, or one letter too many, too few or wrong. */
function isNear(given: string, known: string): boolean {
  const [a, b] = [given, known].map((text) => text.toLowerCase().replace(/[^a-z0-9]/g, ''));
  if (a === undefined || b === undefined || Math.abs(a.length - b.length) > 1) return false;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const rests = [
    [a.slice(same), b.slice(same)],
    [a.slice(same + 1), b.slice(same)],
    [a.slice(same), b.slice(same + 1)],
    [a.slice(same + 1), b.slice(same + 1)],
  ];
  return rests.some(([left, right]) => left === right);
}
