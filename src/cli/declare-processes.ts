import { Option, type Command } from 'commander';

import type { DevOptions, WorkerOptions } from './commands/processes';
import type { ServeOptions } from './commands/serve';
import type { SimulateOptions } from './commands/simulate';
import { collect, declare, parseNumber, parseSkew } from './declare';

/** What a process needs is loaded when it runs: Temporal's worker costs most of a second. */
const load = {
  processes: () => import('./commands/processes.js'),
  serve: () => import('./commands/serve.js'),
  simulate: () => import('./commands/simulate.js'),
} as const;

/** The commands that run on until they are stopped. */
export function declareProcesses(program: Command): void {
  declareWorker(program);
  declareServe(program);
  declareSimulate(program);
  declareDev(program);
  program.command('engine', { hidden: true }).action(async () => (await load.processes()).engine());
}

const AIRFLOW_MAJORS = ['2', '3'] as const;

function declareWorker(program: Command): void {
  declare(program, 'worker', 'run a worker against the configured Temporal')
    .addOption(
      new Option('--airflow <major>', 'serve operators of this major of Airflow, and nothing else')
        .choices(AIRFLOW_MAJORS)
        .conflicts('metricsPort'),
    )
    .option('--allow-shell-operators', 'with --airflow: also operators that run whatever a task says')
    .option('--metrics-port <port>', 'serve metrics for Prometheus here', parseNumber)
    .option('--metrics-host <address>', 'address for the metrics', '127.0.0.1')
    .addHelpText('after', '\nExamples:\n  longhaul worker\n  longhaul worker --airflow 3')
    .action(async (options: WorkerOptions) => (await load.processes()).worker(options));
}

function declareDev(program: Command): void {
  declare(
    program,
    'dev',
    'run the engine in the foreground: Temporal with its UI, a worker, the simulated workspace',
  )
    .addOption(new Option('--status', 'show the engine that runs').conflicts('stop'))
    .option('--stop', 'stop it; open tasks go on at the next start')
    .addOption(
      new Option('--airflow [major]', 'with an Airflow worker; its Python environment is made once')
        .choices(AIRFLOW_MAJORS)
        .conflicts(['status', 'stop']),
    )
    .addHelpText('after', '\nExamples:\n  longhaul dev\n  longhaul dev --airflow')
    .action(async (options: DevOptions) => (await load.processes()).dev(options));
}

function declareServe(program: Command): void {
  declare(program, 'serve', 'serve the gRPC connector APIs that Flyte’s engine calls, versions 1 and 2')
    .option('--port <port>', 'port; 0 takes a free one', parseNumber, 8000)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--cluster <name>', 'part of every task’s id: tells Flyte clusters apart', 'default')
    .option('--tls-cert <file>', 'certificate (PEM) of the service')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--client-ca <file>', 'take calls only from clients with a certificate of this CA (PEM)')
    .option('--auth-token-file <file>', 'take calls only with one of these bearer tokens, one a line')
    .option('--metrics-port <port>', 'serve metrics for Prometheus here', parseNumber)
    .option('--metrics-host <address>', 'address for the metrics', '127.0.0.1')
    .option('--drain-seconds <seconds>', 'after SIGTERM, serve on this long as NOT_SERVING', parseNumber, 3)
    .addHelpText('after', '\nExample:\n  longhaul serve --host 0.0.0.0 --metrics-port 9090')
    .action(async (options: ServeOptions) => (await load.serve()).serve(options));
}

function declareSimulate(program: Command): void {
  declare(program, 'simulate', 'run the simulated Databricks workspace')
    .option('--port <port>', 'port; 0 takes a free one', parseNumber, 8765)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--token <token>', 'a personal access token it accepts (repeatable)', collect, [])
    .option('--client <id:secret>', 'an OAuth client it accepts (repeatable)', collect, [])
    .option('--state <file>', 'keep runs here over restarts')
    .option('--speed <factor>', 'how much faster its clock runs', parseNumber, 1)
    .addOption(new Option('--api <version>', 'the newest Jobs API it knows').choices(['2.0', '2.1', '2.2']))
    .option('--token-lifetime <seconds>', 'how long an OAuth token lives', parseNumber, 3600)
    .option(
      '--token-skew <seconds>',
      'reject OAuth tokens so much too early; negative: too late',
      parseSkew,
      0,
    )
    .addOption(
      new Option('--expired-as <status>', 'answer to an expired OAuth token')
        .choices(['401', '403'])
        .default('401'),
    )
    .option(
      '--federation <issuer,audience[,keyfile]>',
      'an identity provider whose tokens it exchanges (repeatable)',
      collect,
      [],
    )
    .option('--rate <requests>', 'requests per second before 429: 20, or submit=5,get=10')
    .addOption(
      new Option('--rate-retry-after <form>', 'how a 429 says when to come back')
        .choices(['seconds', 'date', 'none'])
        .default('seconds'),
    )
    .addOption(
      new Option('--rate-code <code>', 'error code of a 429')
        .choices(['REQUEST_LIMIT_EXCEEDED', 'RESOURCE_EXHAUSTED'])
        .default('REQUEST_LIMIT_EXCEEDED'),
    )
    .option('--secret <scope/key=value>', 'a secret for notebooks (repeatable)', collect, [])
    .option('--webhook <id=url>', 'where webhook notifications of this id go (repeatable)', collect, [])
    .option('--max-active-runs <runs>', 'active runs before others are queued', parseNumber)
    .option('--max-saved-jobs <jobs>', 'saved jobs before QUOTA_EXCEEDED', parseNumber)
    .option('--jobs-per-hour <jobs>', 'jobs and submits in any hour before INVALID_STATE', parseNumber)
    .option('--first-id <id>', 'the first id it gives')
    .option(
      '--fault <spec>',
      'a fault on demand, such as submit:commit-then-503:times=1 (repeatable)',
      collect,
      [],
    )
    .addHelpText('after', '\nExample:\n  longhaul simulate --fault get:429:retryAfter=2:times=3')
    .action(async (options: SimulateOptions) => (await load.simulate()).simulate(options));
}
