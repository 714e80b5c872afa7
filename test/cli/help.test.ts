import { buildDist, runCli } from './support/cli-process';

let commands: string[] = [];

beforeAll(async () => {
  await buildDist();
  const { stdout } = await runCli(['--help']);
  commands = [...stdout.matchAll(/^ {2}([a-z]+)[ |]/gm)].map(([, name = '']) => name);
}, 240_000);

test('help is a command too: of everything, or of one command', async () => {
  expect(await runCli(['help'])).toEqual({ ...(await runCli(['--help'])), code: 0 });
  expect(await runCli(['help', 'run'])).toEqual({ ...(await runCli(['run', '--help'])), code: 0 });
});

test('the help of each command has an example, and no default that tells nothing', async () => {
  expect(commands).toEqual(expect.arrayContaining(['run', 'get', 'repair', 'simulate', 'doctor']));
  for (const name of commands.filter((command) => command !== 'help' && command !== 'longhaul')) {
    const { stdout } = await runCli([name, '--help']);
    expect(stdout).toMatch(new RegExp(`\nExamples?:\n  .*longhaul ${name}`));
    expect(stdout).not.toContain('default: []');
  }
}, 60_000);
