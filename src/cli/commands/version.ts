import { readPackageVersion } from '../../config/package-version';
import { runCommand, type CommonOptions } from '../command';

export function version(options: CommonOptions): Promise<void> {
  return runCommand(options, (output) => {
    const longhaul = readPackageVersion();
    const { node } = process.versions;
    output.result(`longhaul ${longhaul} (node ${node})`, { longhaul, node });
    return Promise.resolve(0);
  });
}
