"""Runs tests that are plain functions: a line a test, and `N passed, N failed` at the end."""

import traceback

LINES = 30

tests = []


def test(function):
    """A test; the function's name is the sentence."""
    tests.append((function.__name__.replace("_", " "), function))
    return function


def run():
    """Runs every test so far in its order and gives the exit code."""
    failed = 0
    for name, function in tests:
        try:
            function()
            print(f"ok      {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}", flush=True)
            print(shortened(traceback.format_exc()), flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def shortened(trace):
    """The end of a traceback, which says what was wrong; before it are the insides of an SDK."""
    lines = trace.rstrip().splitlines()
    return "\n".join(["..."] * (len(lines) > LINES) + lines[-LINES:])
