import { ConnectorRegistry } from '../../src/connector';
import { ScriptedConnector } from '../support/scripted-connector';

function connector(type: string, version = 0, name = type): ScriptedConnector {
  return Object.assign(new ScriptedConnector(type, 'queue'), { name, taskCategory: { name: type, version } });
}

test('a connector is found by the name and version of its task type', () => {
  const first = connector('spark');
  const second = connector('spark', 1);
  const registry = new ConnectorRegistry().register(first).register(second);
  expect(registry.getConnector('spark')).toBe(first);
  expect(registry.getConnector('spark', 1)).toBe(second);
});

test('a task type is served by one connector; a second one is refused by name', () => {
  const registry = new ConnectorRegistry().register(connector('spark', 0, 'First'));
  expect(() => registry.register(connector('spark', 0, 'Second'))).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: 'Task type spark v0 is already served by First.' }),
  );
});

test('override: true replaces, and nothing else does', () => {
  const second = connector('spark', 0, 'Second');
  const registry = new ConnectorRegistry().register(connector('spark')).register(second, { override: true });
  expect(registry.getConnector('spark')).toBe(second);
  expect(registry.all()).toHaveLength(1);
});

test.each([
  ['nobody', 0, 'type: no connector serves nobody v0 (registered: ray v0, spark v0)'],
  ['spark', 7, 'type: no connector serves spark v7 (registered: ray v0, spark v0)'],
])('%s v%i is unknown, and the message names what is registered', (type, version, message) => {
  const registry = new ConnectorRegistry().register(connector('spark')).register(connector('ray'));
  expect(() => registry.getConnector(type, version)).toThrow(
    expect.objectContaining({ code: 'UNKNOWN_TASK_TYPE', field: 'type', message }),
  );
});

test('an empty registry says that it is empty', () => {
  expect(() => new ConnectorRegistry().getConnector('spark')).toThrow('(registered: none)');
});

test('the list names each connector once, with all its task types, in the order of registration', () => {
  const registry = new ConnectorRegistry()
    .register(connector('spark', 0, 'Databricks'))
    .register(connector('ray', 0, 'Ray'))
    .register(connector('databricks', 1, 'Databricks'));
  expect(
    registry.listConnectors().map(({ name, supportedTaskCategories }) => [name, supportedTaskCategories]),
  ).toEqual([
    [
      'Databricks',
      [
        { name: 'spark', version: 0 },
        { name: 'databricks', version: 1 },
      ],
    ],
    ['Ray', [{ name: 'ray', version: 0 }]],
  ]);
});

test('the metadata of a connector is found by its name; an unknown name is NOT_FOUND', () => {
  const registry = new ConnectorRegistry().register(connector('spark', 0, 'Databricks'));
  expect(registry.getConnectorMetadata('Databricks').capabilities.fence).toBe('token');
  expect(() => registry.getConnectorMetadata('Nobody')).toThrow(
    expect.objectContaining({ code: 'NOT_FOUND' }),
  );
});
