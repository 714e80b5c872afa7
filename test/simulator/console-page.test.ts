import { startSimulator, type Simulator } from '../../src/simulator';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ speed: 100 });
});

afterEach(() => simulator.close());

test('the console link of a run leads to a page', async () => {
  const answer = await fetch(`${simulator.url}/`);
  expect(answer.headers.get('content-type')).toContain('text/html');
  expect(await answer.text()).toContain('/simulator/console?run_id=');
});

test('the page is given the run and the outputs of its tasks', async () => {
  const task = { task_key: 'one', notebook_task: { notebook_path: '/one' } };
  const submitted = await fetch(`${simulator.url}/api/2.2/jobs/runs/submit`, {
    method: 'POST',
    headers: { authorization: 'Bearer simulated-token' },
    body: JSON.stringify({ run_name: 'shown', tasks: [task] }),
  });
  const runId = /\d+/.exec(await submitted.text())?.[0] ?? '';
  const answer = await fetch(`${simulator.url}/simulator/console?run_id=${runId}`);
  expect(await answer.json()).toMatchObject({ run: { run_name: 'shown' }, outputs: { one: {} } });
});

test('a run that does not exist is said in words', async () => {
  const answer = await fetch(`${simulator.url}/simulator/console?run_id=1`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ message: 'Run 1 does not exist' });
});
