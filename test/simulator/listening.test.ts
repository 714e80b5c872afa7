import { startSimulator } from '../../src/simulator';

test('a port that is taken is refused in words, and nothing is left running', async () => {
  const first = await startSimulator();
  await expect(startSimulator({ port: first.port })).rejects.toMatchObject({ code: 'CONFIG' });
  await first.close();
});

test('with neither tokens nor clients the default token is accepted', async () => {
  const simulator = await startSimulator({ tokens: [], clients: [] });
  const headers = { authorization: 'Bearer simulated-token' };
  const answer = await fetch(`${simulator.url}/api/2.2/jobs/runs/list`, { headers });
  expect(answer.status).toBe(200);
  await simulator.close();
});
