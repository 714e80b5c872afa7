import {
  AgentMetadataService,
  AsyncAgentService,
} from '../../src/service/generated/flyteidl/service/agent_pb';
import { startMetricsServer } from '../../src/service/metrics-server';
import { connect, failureOf } from './support/rpc-client';
import { startTestListener } from './support/test-listener';

const { getTask, createTask } = AsyncAgentService.method;

async function serveCalls(): Promise<string> {
  const listener = await startTestListener({
    agent: {
      getTask: async ({ taskCategory }, call) => {
        call.noteTaskType(taskCategory?.name ?? '');
        return {};
      },
    },
  });
  const client = connect(listener.port);
  for (const name of ['databricks', 'databricks', 'made-up-1', 'made-up-2']) {
    await client.unary(getTask, { taskCategory: { name } });
  }
  await client.unary(AgentMetadataService.method.listAgents, {});
  await failureOf(client.unary(createTask, {}));
  listener.setTemporal(true);
  listener.metrics.recordStaleAnswer();
  client.close();
  await listener.drain({ graceMs: 0 });
  return listener.metrics.registry.metrics();
}

test('calls, errors and times are counted by method and task type, invented task types as one', async () => {
  const text = await serveCalls();
  const get = 'method="flyteidl.service.AsyncAgentService/GetTask"';
  const create = 'method="flyteidl.service.AsyncAgentService/CreateTask",task_type="none"';
  expect(text).toContain(`longhaul_rpc_requests_total{${get},task_type="databricks"} 2\n`);
  expect(text).toContain(`longhaul_rpc_requests_total{${get},task_type="other"} 2\n`);
  expect(text).toContain(`longhaul_rpc_errors_total{${create},code="UNSUPPORTED"} 1\n`);
  expect(text).toContain(
    'longhaul_rpc_requests_total{method="flyteidl.service.AgentMetadataService/ListAgents",task_type="none"} 1\n',
  );
  expect(text).toContain(`longhaul_rpc_duration_seconds_count{${get},task_type="databricks"} 2\n`);
  expect(text).toContain(`longhaul_rpc_duration_seconds_bucket{le="0.001",${get},task_type="databricks"}`);
  expect(text).toContain(`longhaul_rpc_duration_seconds_bucket{le="10",${get},task_type="databricks"} 2\n`);
  expect(text).not.toContain('made-up');
  expect(text.match(/^longhaul_rpc_errors_total\{/gm)).toHaveLength(1);
});

test('Temporal, stale answers and the process itself are shown', async () => {
  const text = await serveCalls();
  expect(text).toContain('longhaul_temporal_reachable 1\n');
  expect(text).toContain('longhaul_stale_answers_total 1\n');
  expect(text).toContain('process_cpu_seconds_total');
  expect(text).toContain('process_resident_memory_bytes');
});

describe('the metrics server', () => {
  test('serves GET /metrics in the Prometheus format and nothing else', async () => {
    const listener = await startTestListener();
    const { registry } = listener.metrics;
    const server = await startMetricsServer({ host: '127.0.0.1', port: 0, registry });
    const base = `http://127.0.0.1:${server.port}`;
    const metrics = await fetch(`${base}/metrics`);
    expect(metrics.status).toBe(200);
    expect(metrics.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await metrics.text()).toContain('# TYPE longhaul_rpc_requests_total counter');
    expect((await fetch(`${base}/`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(404);
    await server.close();
    await expect(fetch(`${base}/metrics`)).rejects.toThrow();
    await server.close();
    await listener.drain({ graceMs: 0 });
  });

  test('a port in use is CONFIG, naming the address', async () => {
    const { metrics, drain } = await startTestListener();
    const { registry } = metrics;
    const server = await startMetricsServer({ host: '127.0.0.1', port: 0, registry });
    const { port } = server;
    await expect(startMetricsServer({ host: '127.0.0.1', port, registry })).rejects.toMatchObject({
      code: 'CONFIG',
      message: `The address 127.0.0.1:${port} for metrics is already in use.`,
    });
    await server.close();
    await drain({ graceMs: 0 });
  });
});
