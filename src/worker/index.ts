export { createSecretPort, type SecretPortOptions } from './secret-port';
export { startWorkers, type RunningWorkers, type WorkersOptions } from './workers';
