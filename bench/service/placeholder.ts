/** Stands for an execution's name in prepared requests. Replaced by names as long, so that no length changes. */
export const PLACEHOLDER = 'benchbenchbenchbench';
