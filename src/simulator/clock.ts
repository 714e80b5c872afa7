/** Where the simulated clock stands against the real one. */
export interface ClockState {
  readonly simulatedAt: number;
  readonly realAt: number;
  readonly speed: number;
}

/** The simulated clock: epoch milliseconds that pass `speed` times as fast as real ones. */
export interface Clock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
  readonly state: () => ClockState;
}

/** @param saved continues where a saved clock would stand by now, so that no time is lost over a restart. */
export function createClock(speed: number, saved?: ClockState): Clock {
  const realAt = Date.now();
  let state: ClockState = {
    simulatedAt: saved === undefined ? realAt : readClock(saved, realAt),
    realAt,
    speed,
  };
  return {
    now: () => readClock(state, Date.now()),
    advance: (ms) => {
      state = { ...state, simulatedAt: state.simulatedAt + ms };
    },
    state: () => state,
  };
}

function readClock(state: ClockState, realNow: number): number {
  return Math.round(state.simulatedAt + (realNow - state.realAt) * state.speed);
}
