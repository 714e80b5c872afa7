import type { ResourceMeta } from '../../../../src/connector';
import type { DatabricksConnectorV2 } from '../../../../src/connectors/databricks';
import { connectorFor } from './calls';
import { startFakeWorkspace, type FakeWorkspace } from './fake-workspace';

/** A fake workspace and a connector that knows it, as they are in the test that is running. */
export interface ConnectorBench {
  readonly fake: FakeWorkspace;
  readonly connector: DatabricksConnectorV2;
  /** Of run 4711, which `runOf` shows. */
  readonly meta: ResourceMeta;
}

/** Both are opened anew before each test of the file, or of the `describe` block, and closed after it. */
export function connectorBench(): ConnectorBench {
  let fake: FakeWorkspace;
  let connector: DatabricksConnectorV2;

  beforeEach(async () => {
    fake = await startFakeWorkspace();
    connector = connectorFor(fake);
  });

  afterEach(async () => {
    await connector.close();
    await fake.close();
  });

  return {
    get fake() {
      return fake;
    },
    get connector() {
      return connector;
    },
    get meta() {
      return { version: 1, databricksInstance: fake.host, runId: '4711' };
    },
  };
}
