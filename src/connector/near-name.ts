/** Short names have too many neighbors. */
const SHORTEST_NAME = 6;

/** Was this probably meant for that name: the same letters, or two of them wrong at most? */
export function isNearName(key: string, name: string): boolean {
  const [given, known] = [lettersOf(key), lettersOf(name)];
  if (given === known) return true;
  return known.length >= SHORTEST_NAME && distance(given, known) <= 2;
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}

/** How many letters to put in, take out or change (Levenshtein), row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_unused, index) => index);
  for (const [index, letter] of Array.from(a).entries()) {
    const next = [index + 1];
    for (const [column, other] of Array.from(b).entries()) {
      const change = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
