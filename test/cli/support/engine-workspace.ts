import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { EngineHome } from './engine-home';

/** Asks the simulated workspace of an engine, as any client of it would; the text keeps all digits of the ids. */
export type AskWorkspace = (path: string, body?: object) => Promise<string>;

/** Waits until the engine serves. */
export async function connectWorkspace(engine: EngineHome): Promise<AskWorkspace> {
  const { workspaceUrl = '' } = await engine.info();
  const access: unknown = JSON.parse(readFileSync(join(engine.home, 'simulator/access.json'), 'utf8'));
  const { token } = access as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  return async (path, body) => {
    const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const answer = await fetch(`${workspaceUrl}${path}`, { headers, ...post });
    return answer.text();
  };
}
