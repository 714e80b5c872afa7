import type { TestWorkflowEnvironment } from '@temporalio/testing';

import { bundleWorkflows, startTestServer } from './temporal-server';

export interface SharedTestState {
  longhaulTestServer?: TestWorkflowEnvironment;
}

/** What all test files share: one Temporal dev server and one workflow bundle, both as they are now. */
export default async function globalSetup(): Promise<void> {
  const [server, bundlePath] = await Promise.all([startTestServer(), bundleWorkflows()]);
  (globalThis as SharedTestState).longhaulTestServer = server;
  process.env['TEST_TEMPORAL_ADDRESS'] = server.address;
  process.env['TEST_WORKFLOW_BUNDLE'] = bundlePath;
}
