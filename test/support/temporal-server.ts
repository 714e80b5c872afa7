import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

import { findTemporalBinary } from '../../src/temporal/temporal-binary';
import {
  CONNECTOR_EXTERNAL_ID,
  CONNECTOR_PHASE,
  CONNECTOR_PROJECT,
  CONNECTOR_TASK_TYPE,
} from '../../src/temporal/search-attributes';

/** Where tests keep what may be kept: Temporal binaries, the Python worker. */
export function testHome(): string {
  return process.env['LONGHAUL_TEST_HOME'] ?? join(homedir(), '.longhaul');
}

async function testTemporalBinary(): Promise<string> {
  const { path } = await findTemporalBinary({ env: process.env, home: testHome(), report: () => undefined });
  return path;
}

/** A real Temporal dev server in memory, with our search attributes. */
export async function startTestServer(): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await testTemporalBinary() },
      searchAttributes: [CONNECTOR_TASK_TYPE, CONNECTOR_PHASE, CONNECTOR_EXTERNAL_ID, CONNECTOR_PROJECT],
      log: { level: 'error', format: 'pretty' },
    },
  });
}

/** Bundles the workflows as they are now; tests never run an older build. */
export async function bundleWorkflows(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(__dirname, '../../workflows/index.ts'),
    workflowInterceptorModules: [join(__dirname, '../../workflows/trace-headers.ts')],
    logger: new DefaultLogger('WARN'),
  });
  const path = join(mkdtempSync(join(tmpdir(), 'longhaul-bundle-')), 'workflow-bundle.js');
  writeFileSync(path, code);
  return path;
}
