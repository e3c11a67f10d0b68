"""Tests as functions that raise; printed as TAP for Meson. What a thread of a case raises fails the case too."""
import sys
import threading
import time
import traceback

_cases = []
_raised = []        # by threads, since the last case that was judged
threading.excepthook = _raised.append


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


class ThreadFailed(Exception):
    """A thread of the case raised; its traceback is the message."""


def judge_threads():
    """Raises what threads have raised: a script that broke must not pass for one that was played to its end."""
    raised = ["".join(traceback.format_exception(hook.exc_value)) for hook in _raised]
    _raised.clear()
    if raised:
        raise ThreadFailed("\n" + "\n".join(raised))


def run(function):
    try:
        function()
    except Skip:
        judge_threads()
        raise
    except Exception as error:
        try:
            judge_threads()
        except ThreadFailed as also:
            raise also from error
        raise
    judge_threads()


def main():
    """Runs the registered cases, or those whose names hold one of the program's arguments."""
    chosen = [c for c in _cases if not sys.argv[1:] or any(word in c[0] for word in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        try:
            run(function)
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    try:
        judge_threads()
    except ThreadFailed as late:
        failed += 1
        print("".join(f"# {line}\n" for line in f"behind its case: {late}".splitlines()), end="", flush=True)
    sys.exit(1 if failed else 0)
