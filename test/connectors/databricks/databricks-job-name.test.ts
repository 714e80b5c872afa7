import type { JsonObject } from '../../../src/connector';
import { callContext, IDEMPOTENCY_TOKEN, rejection, submitRequest } from './support/calls';
import { connectorBench } from './support/connector-bench';
import { apiError, runOf } from './support/fake-workspace';

const bench = connectorBench();

const BY_NAME = submitRequest({ job_name: 'nightly', job_parameters: { day: '1' } });
const BY_ID = submitRequest({ job_id: '7' });

function saved(id: number | string, name: string): string {
  return `{"job_id":${id},"settings":{"name":${JSON.stringify(name)}}}`;
}

function listOf(jobs: readonly string[], more: JsonObject = {}): { body: string } {
  const rest = JSON.stringify({ has_more: false, ...more }).slice(1);
  return { body: jobs.length === 0 ? `{${rest}` : `{"jobs":[${jobs.join(',')}],${rest}` };
}

const prepare = () => bench.connector.prepare(BY_NAME, callContext());

describe('a saved job by its name', () => {
  it('is looked up before the start, and only where a name is given', () => {
    expect(bench.connector.needsPreparation(BY_NAME.template)).toBe(true);
    expect(bench.connector.needsPreparation(BY_ID.template)).toBe(false);
  });

  it('is found to the last digit of its id', async () => {
    bench.fake.on('/list', listOf([saved('9007199254740993', 'nightly')]));
    expect(await prepare()).toEqual({ jobId: '9007199254740993' });
    expect(Object.fromEntries(bench.fake.requests[0]?.query ?? [])).toEqual({
      limit: '100',
      name: 'nightly',
    });
  });

  it('is compared to the letter, although Databricks ignores case', async () => {
    bench.fake.on('/list', listOf([saved(1, 'Nightly'), saved(2, 'nightly'), saved(3, 'NIGHTLY')]));
    expect(await prepare()).toEqual({ jobId: '2' });
  });

  it('is looked for on all pages', async () => {
    bench.fake.on('/list', ({ query }) =>
      query.get('page_token') === 'p2'
        ? listOf([saved(2, 'nightly')])
        : listOf([saved(1, 'Nightly')], { has_more: true, next_page_token: 'p2' }),
    );
    expect(await prepare()).toEqual({ jobId: '2' });
    expect(bench.fake.requestsTo('/list')).toHaveLength(2);
  });

  it('counts once when two pages show it, as they do while jobs are created', async () => {
    bench.fake.on('/list', ({ query }) =>
      listOf([saved(2, 'nightly')], query.has('page_token') ? {} : { next_page_token: 'p2' }),
    );
    expect(await prepare()).toEqual({ jobId: '2' });
  });

  it('is refused with all ids when several jobs have the name, on whatever page', async () => {
    bench.fake.on('/list', ({ query }) =>
      query.has('page_token')
        ? listOf([saved(12, 'nightly')])
        : listOf([saved(11, 'nightly')], { next_page_token: 'p2' }),
    );
    expect(await rejection(prepare())).toMatchObject({
      code: 'INVALID_TASK',
      field: 'spec.job_name',
      message: expect.stringContaining('names 2 jobs (11, 12); say job_id instead'),
    });
  });

  it('is never guessed from a list that does not end', async () => {
    bench.fake.on('/list', listOf([saved(1, 'nightly')], { next_page_token: 'again' }));
    expect(await rejection(prepare())).toMatchObject({ code: 'UNAVAILABLE' });
    expect(bench.fake.requestsTo('/list')).toHaveLength(2);
  });

  it.each([
    ['another case', 'NIGHTLY', [saved(4, 'Nightly')], []],
    ['the prefix of a bundle', 'nightly', [], [saved(5, '[dev ana] nightly'), saved(6, 'weekly')]],
    ['other signs', 'nightly', [], [saved(5, 'Night-ly'), saved(6, 'weekly')]],
  ])('that nobody has is NOT_FOUND, with the job of %s as a hint', async (...row) => {
    const [, , filtered, newest] = row;
    bench.fake.on('/list', ({ query }) => listOf(query.has('name') ? filtered : newest));
    expect(await rejection(prepare())).toMatchObject({
      code: 'NOT_FOUND',
      field: 'spec.job_name',
      message: expect.stringMatching(/is named "nightly"\. Near: "[^"]+" \(job_id [45]\)\.$/),
      advice: expect.stringContaining('job_id'),
    });
  });

  it('that nobody has is NOT_FOUND also when no hint can be had', async () => {
    bench.fake.on('/list', ({ query }) => (query.has('name') ? listOf([]) : apiError(400, 'X', 'no')));
    expect(await rejection(prepare())).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/is named "nightly"\.$/),
    });
  });

  it('is asked for again by the same rules as anything else that is read', async () => {
    let asked = 0;
    bench.fake.on('/list', () =>
      (asked += 1) === 1
        ? apiError(429, 'REQUEST_LIMIT_EXCEEDED', 'slow', { 'retry-after': '0' })
        : listOf([saved(2, 'nightly')]),
    );
    expect(await prepare()).toEqual({ jobId: '2' });
  });
});

describe('a start by name', () => {
  const found = { ...BY_NAME, prepared: { jobId: '9007199254740993' } };

  it('sends the id that was found, whatever has the name by now', async () => {
    bench.fake.on('/run-now', { body: { run_id: 1 } });
    const { resource } = await bench.connector.create(found, callContext());
    expect(bench.fake.requests.map(({ text }) => text)).toEqual([
      `{"job_id":9007199254740993,"job_parameters":{"day":"1"},"queue":{"enabled":true},"idempotency_token":"${IDEMPOTENCY_TOKEN}"}`,
    ]);
    expect(resource.message).toBe('Submitted to Databricks as run 1 of job 9007199254740993, "nightly"');
  });

  it('that was never looked up sends nothing, and so leaves nothing to stop', async () => {
    expect(await rejection(bench.connector.create(BY_NAME, callContext()))).toMatchObject({
      code: 'INTERNAL',
    });
    expect(await bench.connector.delete({ kind: 'request', request: BY_NAME }, callContext())).toMatchObject({
      kind: 'nothing',
      message: expect.stringMatching(/^Nothing was sent/),
    });
    expect(bench.fake.requests).toHaveLength(0);
  });

  it('is fenced by the id that was found, without looking for the name', async () => {
    bench.fake.on('/run-now', { body: { run_id: 4711 } });
    bench.fake.on('/runs/cancel', {});
    bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'CANCELED') });
    const outcome = await bench.connector.delete({ kind: 'request', request: found }, callContext());
    expect(outcome).toMatchObject({ kind: 'stopped', meta: { runId: '4711' } });
    expect(bench.fake.requestsTo('/list')).toHaveLength(0);
    expect(bench.fake.requestsTo('/run-now')[0]?.text).toContain('"job_id":9007199254740993');
  });
});
