/** Says for each request whether it is within `ratePerSecond` (real seconds, over the last one). */
export function createRateLimit(ratePerSecond: number): (realNow: number) => boolean {
  let recent: number[] = [];
  return (realNow) => {
    recent = recent.filter((at) => at > realNow - 1000);
    if (recent.length >= ratePerSecond) return false;
    recent.push(realNow);
    return true;
  };
}
