import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

import { runCommand } from '../../src/temporal/run-command';
import { openPythonVenv } from '../support/python-venv';
import { REPOSITORY } from './lint-house';

const FOLDER = join(REPOSITORY, 'deploy/kubernetes');
/** The oldest in which gRPC probes are stable, and the newest. */
const VERSIONS = ['1.27.0', '1.37.0'];
const LIMIT_MS = 240_000;

interface Probe {
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly httpGet?: { readonly path: string; readonly port: string };
}

interface Source {
  readonly configMapRef?: { readonly name: string };
  readonly secretRef?: { readonly name: string };
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly envFrom: readonly Source[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources: { readonly requests: object; readonly limits: object };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly automountServiceAccountToken: boolean;
  readonly serviceAccountName: string;
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, unknown>>;
    readonly podSelector?: unknown;
    readonly maxUnavailable?: number;
    readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
    readonly ingress?: readonly { readonly ports: readonly { readonly port: number }[] }[];
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: Pod };
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');
const manifests = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
  .sort();
const resourcesOf = (file: string): Resource[] =>
  parseAllDocuments(read(`deploy/kubernetes/${file}`), { merge: true }).map(
    (document) => document.toJS() as Resource,
  );
const resources = manifests.flatMap(resourcesOf);
const deployments = resources.filter(({ kind }) => kind === 'Deployment');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length !== 1) throw new TypeError(`one expected, ${items.length} found`);
  return item;
}

const named = (kind: string, name: string): Resource =>
  only(resources.filter((each) => each.kind === kind && each.metadata.name === name));
const podOf = (deployment: Resource): Pod => {
  const pod = deployment.spec.template?.spec;
  if (pod === undefined) throw new TypeError(`${deployment.metadata.name} has no pod`);
  return pod;
};
const flyte = podOf(named('Deployment', 'longhaul-flyte'));
const worker = podOf(named('Deployment', 'longhaul-worker'));

describe('the manifests of deploy/kubernetes', () => {
  const validate = async (kubernetes: string, files: readonly string[]): Promise<string> => {
    const python = await openPythonVenv(join(__dirname, 'kubernetes-requirements.txt'));
    const options = ['-m', 'kubernetes_validate', '--strict', '--kubernetes-version', kubernetes];
    return runCommand(python, [...options, ...files], { limitMs: LIMIT_MS });
  };

  test.each(VERSIONS)(
    'are valid for Kubernetes %s, without unknown keys',
    async (kubernetes) => {
      await validate(
        kubernetes,
        manifests.map((file) => join(FOLDER, file)),
      );
    },
    LIMIT_MS,
  );

  test('would be refused with a misspelled key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-kubernetes-'));
    const file = join(folder, 'wrong.yaml');
    const right = read('deploy/kubernetes/flyte-service.yaml');
    writeFileSync(file, right.replace('appProtocol', 'appProtocoll'));
    await expect(validate('1.37.0', [file])).rejects.toThrow();
    rmSync(folder, { recursive: true });
  });

  test('are all in the kustomization, but for the example of secrets', () => {
    const { resources: listed } = parse(read('deploy/kubernetes/kustomization.yaml')) as {
      readonly resources: readonly string[];
    };
    expect([...listed, 'secrets.example.yaml'].sort()).toEqual(manifests);
  });

  test('hold no value of a secret', () => {
    const secrets = resources.filter(({ kind }) => kind === 'Secret');
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.flatMap(({ stringData = {} }) => Object.values(stringData)).join('')).toBe('');
    expect(secrets.filter(({ data }) => data !== undefined)).toEqual([]);
    const { data = {} } = named('ConfigMap', 'longhaul');
    expect(Object.keys(data).filter((name) => /PASSWORD|TOKEN|SECRET$|KEY$/.test(name))).toEqual([]);
  });

  test('refer to ConfigMaps and secrets that are there or shown', () => {
    const known = resources
      .filter(({ kind }) => kind === 'Secret' || kind === 'ConfigMap')
      .map(({ metadata }) => metadata.name);
    const used = [flyte, worker].flatMap(({ containers, volumes }) => [
      ...containers[0].envFrom.map(({ configMapRef, secretRef }) => (configMapRef ?? secretRef)?.name),
      ...volumes.flatMap(({ secret }) => secret?.secretName ?? []),
    ]);
    expect(used.filter((name) => name === undefined || !known.includes(name))).toEqual([]);
  });
});

describe.each(deployments.map((deployment) => [deployment.metadata.name, podOf(deployment)] as const))(
  '%s',
  (name, pod) => {
    const [container] = pod.containers;

    test('runs the image of this version', () => {
      expect(container.image).toBe(`longhaul:${version}`);
    });

    test('runs as nobody special, on a file system that it cannot write', () => {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(named('ServiceAccount', pod.serviceAccountName)).toMatchObject({
        automountServiceAccountToken: false,
      });
    });

    test('has three probes, requests and a limit of memory', () => {
      const { startupProbe, readinessProbe, livenessProbe, resources: need } = container;
      expect([startupProbe, readinessProbe, livenessProbe]).not.toContain(undefined);
      expect(need).toEqual({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    });

    test('starts a command with options that it has', () => {
      const source = read('src/cli/declare-processes.ts');
      const [command = '', ...rest] = container.args;
      expect(source).toContain(`declare(program, '${command}'`);
      const unknown = rest.filter((part) => part.startsWith('--') && !source.includes(`'${part} <`));
      expect(unknown).toEqual([]);
    });

    test('keeps at least one pod over a drain of a node', () => {
      const { replicas, selector } = named('Deployment', name).spec;
      expect(replicas).toBeGreaterThan(1);
      expect(named('PodDisruptionBudget', name).spec).toMatchObject({ maxUnavailable: 1, selector });
    });

    test('is reached by those alone whom a policy names', () => {
      const { podSelector, ingress = [] } = named('NetworkPolicy', name).spec;
      expect(podSelector).toEqual(named('Deployment', name).spec.selector);
      const open = ingress.flatMap(({ ports }) => ports.map(({ port }) => port));
      expect(open).toEqual(container.ports.map(({ containerPort }) => containerPort));
    });

    test('reads the sealing keys where they are mounted', () => {
      const file = only(container.env.filter((each) => each.name === 'LONGHAUL_SEALING_KEYS_FILE')).value;
      const { name: volume, mountPath } = only(
        container.volumeMounts.filter((mount) => file?.startsWith(`${mount.mountPath}/`) === true),
      );
      const { secret } = only(pod.volumes.filter((each) => each.name === volume));
      const { stringData = {} } = named('Secret', secret?.secretName ?? '');
      expect(Object.keys(stringData).map((key) => `${mountPath}/${key}`)).toEqual([file]);
    });
  },
);

describe('the Flyte service', () => {
  const [container] = flyte.containers;
  const valueOf = (option: string): string => container.args[container.args.indexOf(option) + 1] ?? '';
  const { ports: servicePorts = [], clusterIP, selector } = named('Service', 'longhaul-flyte').spec;

  test('listens on the default port of `longhaul serve`, for other pods too', () => {
    const declared = /'--port <port>', 'port; 0 takes a free one', parseNumber, 8000\)/;
    expect(read('src/cli/declare-processes.ts')).toMatch(declared);
    expect([valueOf('--host'), valueOf('--port')]).toEqual(['0.0.0.0', '8000']);
    expect(container.ports).toEqual([
      { name: 'grpc', containerPort: 8000 },
      { name: 'metrics', containerPort: Number(valueOf('--metrics-port')) },
    ]);
  });

  test('has a headless Service, because the engine balances calls itself', () => {
    expect(clusterIP).toBe('None');
    expect(servicePorts).toMatchObject([{ port: 8000, targetPort: 'grpc' }]);
    expect(selector).toEqual(named('Deployment', 'longhaul-flyte').spec.template?.metadata.labels);
  });

  test('is probed by the health service of the whole, which does not depend on Temporal', () => {
    const { startupProbe, readinessProbe, livenessProbe } = container;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(probe?.grpc).toEqual({ port: 8000 });
    }
  });

  test('is given the time that a drain may take', () => {
    const notice = /'--drain-seconds <seconds>'.*, parseNumber, (\d+)\)/.exec(
      read('src/cli/declare-processes.ts'),
    )?.[1];
    const waits = [...read('src/service/index.ts').matchAll(/_GRACE_MS = (\d+)_000;/g)].map(([, s]) => s);
    expect([notice, ...waits]).toEqual(['3', '15', '5']);
    expect(flyte.terminationGracePeriodSeconds).toBeGreaterThan(3 + 15 + 5);
  });

  test('has no credentials of workspaces; the workers have', () => {
    const secretsOf = ({ containers }: Pod): (string | undefined)[] =>
      containers[0].envFrom.flatMap(({ secretRef }) => (secretRef === undefined ? [] : [secretRef.name]));
    expect(secretsOf(flyte)).not.toContain('longhaul-databricks');
    expect(secretsOf(worker)).toContain('longhaul-databricks');
  });
});
