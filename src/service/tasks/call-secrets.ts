import type { NamedRequest, TaskStatus } from '../../client';
import { LonghaulError } from '../../connector/errors';
import type { ServiceContext } from './context';
import type { KnownTask } from './task-service';

type Secrets = KnownTask['secrets'];

/** The request with what its call brought, sealed. @throws CONFIG when there is something to seal and no key. */
export function sealInto(
  { connections }: ServiceContext,
  request: NamedRequest,
  secrets: Secrets,
): NamedRequest {
  const connection = connections.seal(secrets, request.id, Date.now());
  return connection === undefined ? request : { ...request, connection };
}

/** Other credentials than before go on to the task; that must never cost the caller its answer. */
export async function handOnSecrets(
  { connections, tasks, logger }: ServiceContext,
  status: TaskStatus,
  secrets: Secrets,
): Promise<void> {
  try {
    const renewed = connections.renewalOf(secrets, status, Date.now());
    if (renewed !== undefined) await tasks.renewConnection(status.id, renewed);
  } catch (thrown) {
    const { code, message } = LonghaulError.from(thrown);
    if (code !== 'ALREADY_ENDED') {
      logger.warn(`New credentials for task ${status.id} were not handed on: ${message}`);
    }
  }
}
