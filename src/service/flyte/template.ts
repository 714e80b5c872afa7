import { invalidTask } from '../../connector/errors';
import type { TaskContainer, TaskTemplate } from '../../connector/task-template';
import type * as flyte1 from '../generated/flyteidl/core/tasks_pb';
import type * as flyte2 from '../generated/flyteidl2/core/tasks_pb';
import { fromPod } from './pod';

type Template = flyte1.TaskTemplate | flyte2.TaskTemplate;

/**
 * What connectors read of `core.TaskTemplate`; whether it makes sense is for the connector's `parseTask`.
 * @throws INVALID_TASK without a template or a type, and for a pod that names no usable container.
 */
export function toTaskTemplate(template: Template | undefined): TaskTemplate {
  if (template === undefined) throw invalidTask('template', 'is missing');
  const { type, taskTypeVersion: version, id, custom = {} } = template;
  if (type === '') throw invalidTask('template.type', 'must name a task type', type);
  const name = id?.name ?? '';
  const container = toContainer(template);
  return {
    type,
    version,
    custom,
    ...(name === '' ? {} : { name }),
    ...(container === undefined ? {} : { container }),
  };
}

function toContainer({ target, config }: Template): TaskContainer | undefined {
  switch (target.case) {
    case 'container':
      return fromContainer(target.value);
    case 'k8sPod':
      return fromPod(target.value, config);
    case 'sql':
    case undefined:
      return undefined;
    default:
      return target satisfies never;
  }
}

function fromContainer({ image, args, env }: flyte1.Container | flyte2.Container): TaskContainer {
  return { image, args, env: Object.fromEntries(env.map(({ key, value }) => [key, value])) };
}
