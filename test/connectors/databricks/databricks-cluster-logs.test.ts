import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { JsonObject, LogsPage, LogsRequest, ResourceMeta } from '../../../src/connector';
import type { DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import { startSimulator, type Simulator } from '../../../src/simulator';
import { waitUntil } from '../../support/wait-until';
import { callContext, connectorFor, notebookTask, rejection, submitRequest, TOKEN } from './support/calls';

/** Prints a line, waits until a file appears, prints the rest: a log that grows when the test says so. */
const PROGRAM = `
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
print("first \u00e4\u20ac", flush=True)
while not (folder / "go").exists():
    time.sleep(0.02)
for line in range(int(sys.argv[2])):
    print("line", line, flush=True)
`;

let simulator: Simulator;
let connector: DatabricksConnectorV2;
let folder: string;

beforeEach(async () => {
  simulator = await startSimulator({ tokens: [TOKEN], speed: 50 });
  connector = connectorFor({ host: simulator.url });
  folder = mkdtempSync(join(tmpdir(), 'cluster-logs-'));
  writeFileSync(join(folder, 'job.py'), PROGRAM);
});

afterEach(async () => {
  await connector.close();
  await simulator.close();
  rmSync(folder, { recursive: true, force: true });
});

const VOLUME = { volumes: { destination: '/Volumes/main/ops/my logs/' } };
const DBFS = { dbfs: { destination: 'dbfs:/cluster-logs' } };

async function start(logConf: JsonObject | undefined, lines = 3): Promise<ResourceMeta> {
  const task = {
    task_key: 'load',
    spark_python_task: { python_file: join(folder, 'job.py'), parameters: [folder, String(lines)] },
    new_cluster: { num_workers: 1, ...(logConf === undefined ? {} : { cluster_log_conf: logConf }) },
  };
  return (await connector.create(submitRequest({ tasks: [task] }), callContext())).meta;
}

function read(meta: ResourceMeta, request: LogsRequest = {}): Promise<LogsPage> {
  return connector.getLogs(meta, { source: 'cluster', ...request }, callContext());
}

function untilLine(meta: ResourceMeta, words: string): Promise<LogsPage> {
  return waitUntil(`the line ${words}`, async () => {
    const page = await read(meta);
    return page.lines.some((line) => line.includes(words)) ? page : undefined;
  });
}

function untilEnd(meta: ResourceMeta): Promise<true> {
  return waitUntil('the end of the run', async () => {
    const { next } = await connector.get(meta, callContext());
    return next.kind === 'done' ? true : undefined;
  });
}

const letGo = (): void => writeFileSync(join(folder, 'go'), '');

it.each([
  ['a volume', VOLUME],
  ['DBFS', DBFS],
])('what the driver delivers to %s is read as it grows, each line once', async (_, conf) => {
  const meta = await start(conf);
  const { nextPageToken = '', lines } = await untilLine(meta, 'first');
  expect(lines).toEqual(['[load stdout] first \u00e4\u20ac']);
  letGo();
  await untilEnd(meta);
  const page = await read(meta, { pageToken: nextPageToken });
  expect(page.lines).toEqual(['[load stdout] line 0', '[load stdout] line 1', '[load stdout] line 2']);
  expect(page.atEnd).toBe(true);
});

it('pages of a few lines lead through the whole of it', async () => {
  letGo();
  const meta = await start(VOLUME, 7);
  await untilEnd(meta);
  const lines: string[] = [];
  let pageToken = 'start';
  let pages = 0;
  for (let atEnd = false; !atEnd; pages += 1) {
    const page = await read(meta, { pageToken, limit: 3 });
    expect(page.lines.length).toBeLessThanOrEqual(3);
    lines.push(...page.lines);
    pageToken = page.nextPageToken ?? '';
    atEnd = page.atEnd === true;
  }
  expect(pages).toBe(3);
  expect(lines.map((line) => line.replace('[load stdout] ', ''))).toEqual([
    'first \u00e4\u20ac',
    ...Array.from({ length: 7 }, (_, line) => `line ${line}`),
  ]);
});

it('what may not be read gives a line with the place and the page, said once, and no error', async () => {
  letGo();
  const meta = await start(VOLUME);
  await untilEnd(meta);
  simulator.addFault({
    operation: 'fs-directories',
    kind: 'status',
    status: 403,
    code: 'PERMISSION_DENIED',
    times: 2,
  });
  const page = await read(meta);
  expect(page.lines).toHaveLength(1);
  expect(page.lines[0]).toContain('/Volumes/main/ops/my logs/');
  expect(page.lines[0]).toContain(`${simulator.url}/?o=`);
  expect((await read(meta, { pageToken: page.nextPageToken ?? '' })).lines).toEqual([]);
});

it('what is in a bucket, or is not delivered at all, is said', async () => {
  letGo();
  const bucket = await start({ s3: { destination: 's3://bucket/logs' } });
  await untilEnd(bucket);
  expect((await read(bucket)).lines[0]).toMatch(
    /s3:\/\/bucket\/logs\/.*\/driver, which Databricks does not serve/,
  );
  const { meta } = await connector.create(
    { ...submitRequest({ tasks: [notebookTask('a')] }), idempotencyToken: 'lh-none' },
    callContext(),
  );
  expect((await read(meta)).lines).toEqual([expect.stringContaining('cluster_log_conf')]);
});

it('a token of another source is refused', async () => {
  const meta = await start(VOLUME);
  const thrown = await rejection(read(meta, { pageToken: 'o1_1' }));
  expect(thrown).toMatchObject({ code: 'INVALID_TASK', field: 'pageToken' });
  letGo();
});
