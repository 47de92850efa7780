// Runs tests that are plain functions: a line a test, and `N passed, N failed` at the end.

const PATIENCE_MS = 30_000;
const tests = [];

/** A test; the name is the sentence. */
export function test(name, run) {
  tests.push({ name, run });
}

/** Runs every test so far in its order and sets the exit code. */
export async function runAll() {
  let failed = 0;
  for (const { name, run } of tests) {
    try {
      await within(run());
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}`);
      console.log(error.stack ?? error);
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

async function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
