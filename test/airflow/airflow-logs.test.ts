import type { LogsPage } from '../../src/connector';
import { waitUntil } from '../support/wait-until';
import { letGo } from './support/airflow-bench';
import { bash, python } from './support/operators';
import { describeBothMajors } from './support/suite';

/** What a task's code says, read by the client while it runs and after. */
const LIMIT_MS = 90_000;
const LINES = 2_500;

interface Talks {
  readonly talker: string;
  readonly slow: string;
  readonly shell: string;
  readonly folder: string;
}

describeBothMajors<Talks>({
  prepare: async (bench) => {
    await Promise.all([bench.startWorkers(), bench.spawnWorker()]);
    const folder = bench.folder('logs');
    const begin = (spec: ReturnType<typeof bash>): Promise<string> => bench.begin({ spec });
    return {
      talker: await begin(python('talk', { op_kwargs: { lines: LINES } })),
      slow: await begin(python('talk_slowly', { op_kwargs: { folder } })),
      shell: await begin(bash('echo said by the shell; echo and on its error output >&2')),
      folder,
    };
  },
  tests: (stage) => {
    const rule = (title: string, check: () => Promise<void>): void => test(title, check, LIMIT_MS);
    const page = (id: string, request = {}): Promise<LogsPage> => stage().bench.tasks.logs(id, request);

    const forward = async (id: string): Promise<LogsPage[]> => {
      const pages: LogsPage[] = [];
      for (let token: string | undefined = 'start'; token !== undefined;) {
        const next: LogsPage = await page(id, { pageToken: token, limit: 1_000 });
        pages.push(next);
        token = next.nextPageToken;
      }
      return pages;
    };

    rule('print, log and traceback are all there, once and in order, over several pages', async () => {
      const { talker } = stage().prepared;
      await stage().bench.tasks.wait(talker);
      const pages = await forward(talker);
      expect(pages.length).toBeGreaterThan(2);
      for (const { lines } of pages) expect(lines.length).toBeLessThanOrEqual(1_000);
      const lines = pages.flatMap((each) => each.lines);
      const numbered = lines.flatMap((line) => /INFO line (\d+)$/.exec(line)?.[1] ?? []);
      expect(numbered.map(Number)).toEqual(Array.from({ length: LINES }, (_, index) => index));
      for (const words of ['said by the log', 'said by print', 'ValueError: said by the traceback']) {
        expect(lines.filter((line) => line.includes(words))).not.toEqual([]);
      }
      expect(lines.join('\n')).toContain('callables.py');
    });

    rule('without a token the tail comes, and it ends with the end', async () => {
      const { talker } = stage().prepared;
      await stage().bench.tasks.wait(talker);
      const tail = await page(talker, { limit: 50 });
      expect(tail.lines.length).toBeLessThanOrEqual(50);
      expect(tail.lines.join('\n')).toContain('said by the traceback');
    });

    rule('a shell’s output is its task’s log', async () => {
      const { shell } = stage().prepared;
      await stage().bench.tasks.wait(shell);
      const text = (await page(shell)).lines.join('\n');
      expect(text).toContain('said by the shell');
      expect(text).toContain('and on its error output');
    });

    rule('a log grows while its task runs: what was read stays, and more comes', async () => {
      const { slow, folder } = stage().prepared;
      const first = await waitUntil('the first line', async () => {
        const seen = await page(slow, { pageToken: 'start' }).catch(() => undefined);
        return seen?.lines.some((line) => line.includes('the first line')) === true ? seen : undefined;
      });
      expect(first.lines.join('\n')).not.toContain('the last line');
      letGo(folder);
      await stage().bench.tasks.wait(slow);
      const { lines } = await page(slow, { pageToken: 'start' });
      expect(lines.slice(0, first.lines.length)).toEqual(first.lines);
      expect(lines.join('\n')).toContain('the last line');
    });
  },
});
