import { userInfo } from 'node:os';

/** Who acts, for the record: the account of this process, which needs no entry in a password file. */
export function userName(): string {
  const given = process.env['USER'] ?? process.env['LOGNAME'] ?? '';
  if (given !== '') return given;
  try {
    return userInfo().username;
  } catch {
    return 'cli';
  }
}
