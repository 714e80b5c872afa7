import type { JsonObject } from '../../connector/json';

/** Is there anything to send? An empty map would be written over the outputs that the job has written itself. */
export function hasOutputs(outputs: JsonObject | undefined): outputs is JsonObject {
  return outputs !== undefined && Object.keys(outputs).length > 0;
}
