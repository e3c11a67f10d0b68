"""Tests as functions that raise; printed as TAP for Meson."""
import sys
import time
import traceback

_cases = []


class Skip(Exception):
    """The case can't run here; the message says why."""


def case(name):
    def register(function):
        _cases.append((name, function))
        return function
    return register


def check(condition, message="does not hold"):
    """assert that optimization can't remove."""
    if not condition:
        raise AssertionError(message)


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, wanted {wanted!r}")


def note(text):
    """A line for people beside the results."""
    print(f"# {text}", flush=True)


def wait_until(condition, seconds=20, what="the condition"):
    """Polls until condition() is true; returns its value. Raises when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true in {seconds} s")


def main():
    """Runs the registered cases, or those whose names hold one of the program's arguments."""
    chosen = [c for c in _cases if not sys.argv[1:] or any(word in c[0] for word in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    sys.exit(1 if failed else 0)
