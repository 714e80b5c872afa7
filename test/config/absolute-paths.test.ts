import { PATH_VARIABLES, withAbsolutePaths } from '../../src/config/absolute-paths';

test.each(PATH_VARIABLES)('a relative %s is the caller’s, in whatever folder it is read', (name) => {
  expect(withAbsolutePaths({ [name]: ' conf/a.file ' }, '/caller')).toEqual({
    [name]: '/caller/conf/a.file',
  });
});

test.each([
  ['an absolute path', 'LONGHAUL_WORKSPACES', '/etc/workspaces.yaml'],
  ['a path in the home folder', 'DATABRICKS_CONFIG_FILE', '~/.databrickscfg'],
  ['a key given in place of its file', 'GOOGLE_CREDENTIALS', '{"type":"service_account"}'],
  ['nothing', 'LONGHAUL_WORKSPACES', ''],
  ['what names no file', 'DATABRICKS_HOST', 'dbc.cloud.databricks.com'],
])('%s stays as it is', (_what, name, value) => {
  expect(withAbsolutePaths({ [name]: value }, '/caller')).toEqual({ [name]: value });
});
