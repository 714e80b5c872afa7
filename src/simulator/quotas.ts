import { apiError } from './api-error';
import type { EngineOptions } from './engine-options';

const HOUR_MS = 3_600_000;

/** Counts a job about to be created; a submitted run is one as well. @throws ApiError INVALID_STATE beyond the limit */
export function countCreation({ workspace, clock, limits }: EngineOptions): void {
  if (!Number.isFinite(limits.jobsPerHour)) return;
  const { creations } = workspace;
  const now = clock.now();
  while (creations[0] !== undefined && creations[0] <= now - HOUR_MS) creations.shift();
  if (creations.length >= limits.jobsPerHour) {
    throw apiError(
      'INVALID_STATE',
      `There were already ${creations.length} jobs created in past 3600 seconds, exceeding rate limit: ` +
        `${limits.jobsPerHour} job creations per 3600 seconds.`,
    );
  }
  creations.push(now);
}

/** @throws ApiError QUOTA_EXCEEDED */
export function assertRoomForJob({ workspace, limits }: EngineOptions): void {
  if (workspace.jobs.size < limits.maxSavedJobs) return;
  throw apiError(
    'QUOTA_EXCEEDED',
    `The quota for the number of jobs has been reached. The current quota is ${limits.maxSavedJobs}.`,
  );
}
