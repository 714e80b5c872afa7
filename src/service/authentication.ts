import { ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';

import { LonghaulError } from '../connector/errors';
import { logFailure, type Instruments } from './rpc';
import { toStatus } from './status';
import type { TokenCheck } from './token-file';

/** Probes of a cluster carry no token. */
const OPEN_SERVICE = '/grpc.health.v1.Health/';

/**
 * Lets only calls with `authorization: Bearer TOKEN` through, reflection included; the health service is open.
 * Others are UNAUTHENTICATED before anything of theirs is read. They are counted and logged as every failed call.
 */
export function requireToken(isValid: TokenCheck, instruments: Instruments): ServerInterceptor {
  return ({ path }, call) => {
    if (path.startsWith(OPEN_SERVICE)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const error = findFault(metadata, isValid);
            if (error === undefined) {
              pass(metadata);
              return;
            }
            note(instruments, path.slice(1), error);
            call.sendStatus(toStatus(error));
          },
        });
      },
    });
  };
}

function findFault(metadata: Metadata, isValid: TokenCheck): LonghaulError | undefined {
  const advice = 'Send the metadata authorization: Bearer TOKEN.';
  const [header] = metadata.get('authorization');
  if (header === undefined) {
    return new LonghaulError('UNAUTHENTICATED', 'This service asks for a token.', { advice });
  }
  const token = /^Bearer +(\S+)$/i.exec(String(header))?.[1];
  if (token !== undefined && isValid(token)) return undefined;
  return new LonghaulError('UNAUTHENTICATED', 'The token is not accepted here.', { advice });
}

function note({ logger, metrics }: Instruments, method: string, { code, message }: LonghaulError): void {
  metrics.recordCall({ method, seconds: 0, errorCode: code });
  logFailure(logger, { method, code, message });
}
