/** An engine has an Airflow worker from its start, or not at all. */
export function engineWithAirflow(major: number): string {
  return `longhaul dev --stop && longhaul dev --airflow ${major}`;
}
