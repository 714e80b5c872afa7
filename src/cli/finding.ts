import { LonghaulError } from '../connector/errors';

/** One line of the doctor's report. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly says: string;
  readonly mend?: string;
}

/** What a look finds; its failure in words, with the mend that the error knows or else the one given. */
export async function find(check: string, mend: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, says: await look() };
  } catch (error) {
    const { message, advice } = LonghaulError.from(error);
    return { check, ok: false, says: message, mend: advice ?? mend };
  }
}
