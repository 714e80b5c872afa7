import { z } from 'zod';
import { parseEngineInfo, type EngineInfo } from './engine-file';

/** Where an engine stands, as its control port tells it. */
export type EngineState =
  | { readonly state: 'starting'; readonly step: string }
  | { readonly state: 'serving'; readonly info: EngineInfo }
  | { readonly state: 'stopping'; readonly reason: string };

/** The answer to `status`. */
export interface EngineStatus {
  readonly state: EngineState;
  readonly clients: number;
  /** Null when nobody could count them. */
  readonly openTasks: number | null;
}

/** `hold`: be present until the connection ends, and hear of each state. `stop`: the same, and end the engine. */
export type ControlCommand = 'hold' | 'status' | 'stop';

const request = z.object({ secret: z.string(), command: z.enum(['hold', 'status', 'stop']) });
const state = z.discriminatedUnion('state', [
  z.object({ state: z.literal('starting'), step: z.string() }),
  z.object({ state: z.literal('serving'), info: z.unknown() }),
  z.object({ state: z.literal('stopping'), reason: z.string() }),
]);
const status = z.object({ state: z.unknown(), clients: z.int(), openTasks: z.int().nullable() });

export function parseControlRequest(line: string): z.infer<typeof request> | undefined {
  return request.safeParse(parseJson(line)).data;
}

export function parseEngineState(value: unknown): EngineState | undefined {
  const parsed = state.safeParse(value).data;
  if (parsed?.state !== 'serving') return parsed;
  const info = parseEngineInfo(parsed.info);
  return info === undefined ? undefined : { state: 'serving', info };
}

export function parseEngineStatus(value: unknown): EngineStatus | undefined {
  const parsed = status.safeParse(value).data;
  const current = parseEngineState(parsed?.state);
  return parsed === undefined || current === undefined ? undefined : { ...parsed, state: current };
}

/** The control port speaks one JSON value a line. */
export function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
