import { Runtime } from '@temporalio/worker';

import type { SharedTestState } from './global-setup';

export default async function globalTeardown(): Promise<void> {
  await (globalThis as SharedTestState).longhaulTestServer?.teardown();
  await Runtime.instance().shutdown();
}
