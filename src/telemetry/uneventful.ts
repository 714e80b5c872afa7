import type { Attributes } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';

const UNEVENTFUL = 'longhaul.uneventful';

/** Put on a span, it says: nothing to be seen here. */
export const UNEVENTFUL_ATTRIBUTE: Attributes = { [UNEVENTFUL]: true };

/** A job that runs for ten hours is looked at a thousand times: looks that see nothing new are not sent. */
export function leaveOutUneventful(inner: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, parent) => inner.onStart(span, parent),
    onEnd: (span) => {
      if (span.attributes[UNEVENTFUL] !== true) inner.onEnd(span);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}
