import { describeWithout } from '../../src/cli/outputs-text';

const part = (name: string, phase: string, attempt = 0) => ({ name, phase, attempt });

test('tasks without an output are counted by their latest attempt: those that failed, those that were skipped', () => {
  const metrics = [
    part('load', 'SUCCEEDED'),
    part('sum', 'FAILED'),
    part('mended', 'FAILED'),
    part('mended', 'SUCCEEDED', 1),
    part('check', 'SKIPPED'),
    part('publish', 'SKIPPED'),
  ];
  expect(describeWithout({ load: { kind: 'notebook' } }, metrics)).toBe(
    'Tasks without an output: 1 failed, 2 skipped.',
  );
});

test('where all tasks went through nothing is said, whether they gave something or not', () => {
  expect(describeWithout({}, [part('load', 'SUCCEEDED'), part('(run)', 'QUEUED')])).toBeUndefined();
});
