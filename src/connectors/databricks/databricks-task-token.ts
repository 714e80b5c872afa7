import { LonghaulError, type CallContext } from '../../connector';

/** Flyte 2's name for the token that a task brings: the key of its plugin's `secrets`. */
const TASK_TOKEN_NAME = 'databricks_token';

/** What can stand in a header; anything else would be refused there in words that help nobody. */
const HEADER_TEXT = /^[\x21-\x7e]+$/;

/**
 * The token that came with the task; undefined when none did. White space around it, as files have it, is no part of it.
 * One that can be no token is refused and never replaced by the workspace's: the task may have lesser rights.
 * @throws UNAUTHENTICATED, or SECRET_UNAVAILABLE when it does not open here.
 */
export async function readTaskToken(call: CallContext): Promise<string | undefined> {
  const given = await call.connectionSecret(TASK_TOKEN_NAME);
  if (given === undefined) return undefined;
  const token = given.trim();
  if (HEADER_TEXT.test(token)) return token;
  throw new LonghaulError(
    'UNAUTHENTICATED',
    `The ${TASK_TOKEN_NAME} that came with the task is ${token === '' ? 'empty' : 'no token'}.`,
    { advice: 'Check the value of the secret that the task names.' },
  );
}
