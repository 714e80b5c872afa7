import { LonghaulError } from '../src/connector/errors';
import type { FoundJob, JobReference } from '../src/connector/job-finder';
import type { ConnectorCall } from '../src/connector/activity-contract';
import { toApplicationFailure } from './failures';
import type { ActivityDependencies } from './ports';
import { runConnector } from './run-connector';

export interface FindJobInput extends Pick<ConnectorCall, 'taskCategory' | 'taskExecution'> {
  readonly reference: JobReference;
}

/** Served where the credentials are; only connectors with a finder are asked. */
export interface FinderActivities {
  /** What the external system says of a job that a person names; the error comes back at once. */
  findJob(input: FindJobInput): Promise<FoundJob>;
}

export function createFinderActivities(dependencies: ActivityDependencies): FinderActivities {
  return {
    findJob: (input) =>
      runConnector(dependencies, input, {
        run: async ({ connector, call }) => {
          const { finder, name } = connector;
          if (finder !== undefined) return finder.find(input.reference, call.context);
          throw new LonghaulError('UNSUPPORTED', `${name} cannot look for jobs of others.`);
        },
        onError: (error) => {
          throw toApplicationFailure(error);
        },
      }),
  };
}
