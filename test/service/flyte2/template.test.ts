import { fromJson } from '@bufbuild/protobuf';
import { readTaskFile } from '../../../src/cli/task-file';
import { toTaskTemplate } from '../../../src/service/flyte/template';
import { TaskTemplateSchema } from '../../../src/service/generated/flyteidl2/core/tasks_pb';
import { fixturePath, readFixtureJson, templateNames } from '../flyte/fixtures';

test.each(templateNames('v2'))('%s is the same task on the wire and in a file', async (name) => {
  const message = fromJson(TaskTemplateSchema, readFixtureJson(name), { ignoreUnknownFields: true });
  const { template } = await readTaskFile(fixturePath(name));
  expect(toTaskTemplate(message)).toEqual(template);
});
