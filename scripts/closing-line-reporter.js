/**
 * Ends a run of Jest with one line that scripts can read, such as `tests: 120 passed, 0 failed, 2 skipped`, and fails
 * a run that executed no test, which Jest calls a success when every test was skipped.
 */
class ClosingLineReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites }) {
    this.ran = numPassedTests + numFailedTests + numRuntimeErrorTestSuites;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    process.stdout.write(`\ntests: ${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`);
  }

  getLastError() {
    return this.ran === 0 ? new Error('No test was executed.') : undefined;
  }
}

module.exports = ClosingLineReporter;
