import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

const NANOS_PER_SECOND = 1_000_000_000n;
const FIRST_SECOND = BigInt(Date.parse('0001-01-01T00:00:00Z') / 1000);
const LAST_SECOND = BigInt(Date.parse('9999-12-31T23:59:59Z') / 1000);
const SECONDS_LENGTH = '2026-01-02T03:04:05'.length;

/**
 * A moment as ISO text, to the nanosecond. Beyond the years 1 to 9999, which protobuf's JSON form cannot say, it is
 * the time since 1970 as a duration text; never throws.
 */
export function toIsoText({ seconds, nanos }: Timestamp): string {
  const total = seconds * NANOS_PER_SECOND + BigInt(nanos);
  const rest = ((total % NANOS_PER_SECOND) + NANOS_PER_SECOND) % NANOS_PER_SECOND;
  const whole = (total - rest) / NANOS_PER_SECOND;
  if (whole < FIRST_SECOND || whole > LAST_SECOND) return toSecondsText(total);
  const text = new Date(Number(whole) * 1000).toISOString().slice(0, SECONDS_LENGTH);
  return `${text}${toFraction(rest)}Z`;
}

/** A duration in protobuf's JSON form, such as `1.5s` or `-0.000000001s`; never throws. */
export function toDurationText({ seconds, nanos }: Duration): string {
  return toSecondsText(seconds * NANOS_PER_SECOND + BigInt(nanos));
}

function toSecondsText(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const sign = nanos < 0n ? '-' : '';
  return `${sign}${size / NANOS_PER_SECOND}${toFraction(size % NANOS_PER_SECOND)}s`;
}

/** Nothing, or 1 to 9 digits behind a point. */
function toFraction(nanos: bigint): string {
  return nanos === 0n ? '' : `.${nanos.toString().padStart(9, '0').replace(/0+$/, '')}`;
}
