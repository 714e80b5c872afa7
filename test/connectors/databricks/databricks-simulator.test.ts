import { startSimulator, type Simulator } from '../../../src/simulator';
import type { DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import { waitUntil } from '../../support/wait-until';
import { callContext, connectorFor, notebookTask, rejection, submitRequest, TOKEN } from './support/calls';

let simulator: Simulator;
let connector: DatabricksConnectorV2;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: [TOKEN], speed: 50 });
  connector = connectorFor({ host: simulator.url });
});

afterAll(async () => {
  await connector.close();
  await simulator.close();
});

describe('against the simulated workspace', () => {
  it('a run of two tasks ends in green, and the same token never starts a second one', async () => {
    const dependent = notebookTask('b', { depends_on: [{ task_key: 'a' }] });
    const request = submitRequest({ tasks: [notebookTask('a'), dependent] });
    const { meta } = await connector.create(request, callContext());
    const again = await connector.create(request, callContext());
    expect(again.meta).toEqual(meta);
    const end = await waitUntil('the end of the run', async () => {
      const observation = await connector.get(meta, callContext());
      return observation.next.kind === 'done' ? observation : undefined;
    });
    expect(end.next).toEqual({ kind: 'done', verdict: { kind: 'succeeded' } });
    expect(await connector.getMetrics(meta, callContext())).toHaveLength(2);
  });

  it('a run whose meta was lost is found by its token and seen stopped', async () => {
    const request = { ...submitRequest({ tasks: [notebookTask('long')] }), idempotencyToken: 'lh-cancel-1' };
    const { meta } = await connector.create(request, callContext());
    const fenced = await connector.delete({ kind: 'request', request }, callContext());
    expect(fenced).toMatchObject({ meta: { runId: meta['runId'] } });
    const outcome = await waitUntil('the run to stop', async () => {
      const answer = await connector.delete({ kind: 'meta', meta }, callContext());
      return answer.kind === 'stopping' ? undefined : answer;
    });
    expect(outcome).toMatchObject({ kind: 'stopped', meta: { runId: meta['runId'] } });
  });

  it('a run that does not exist is gone', async () => {
    const meta = { version: 1, databricksInstance: simulator.url, runId: '9007199254740993' };
    expect(await rejection(connector.get(meta, callContext()))).toMatchObject({ code: 'RUN_GONE' });
  });
});
