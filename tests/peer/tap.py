"""Tests as functions that raise; printed as TAP for Meson. What a thread of a case raises fails the case too.

Why a case failed goes to stderr, with the values of the frame that raised: of a TAP program Meson shows that alone.
"""
import faulthandler
import linecache
import os
import signal
import sys
import threading
import time
import traceback

PATIENCE = 60       # seconds that a slow and busy machine may take for what comes at once elsewhere; nobody who gets it waits
MOST_SHOWN = 300    # characters of a value

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


def wait_until(condition, seconds=PATIENCE, what="the condition"):
    """Polls until condition() is true; returns its value. Raises when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds} s; at last it gave {short(value)}")
        time.sleep(0.02)


def short(value):
    """A value for people, however large."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(text)} characters)"


def is_environment(value):
    """Whoever reads the log of a test has no business with the environment of who ran it."""
    return value is os.environ or isinstance(value, dict) and "PATH" in value


def tell(number, name):
    """Why the case failed, on stderr: the traceback, then of the last frame that is not this file's the whole statement
    and the values."""
    trace = sys.exc_info()[2]
    frames = [(frame, place) for (frame, _), place in zip(traceback.walk_tb(trace), traceback.extract_tb(trace))
              if place.filename != __file__]
    lines = [f"not ok {number} - {name}", *traceback.format_exc().splitlines()]
    if frames:
        frame, place = frames[-1]
        statement = linecache.getlines(place.filename)[place.lineno - 1:place.end_lineno]
        lines += [f"{os.path.basename(place.filename)}:{place.lineno}:", *(line.rstrip() for line in statement),
                  *(f"  {name} = {short(value)}" for name, value in frame.f_locals.items() if not is_environment(value))]
    print("".join(f"# {line}\n" for line in lines), end="", file=sys.stderr, flush=True)


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
    faulthandler.register(signal.SIGTERM, chain=True)   # as Meson ends what takes too long: where it hung is told
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
            tell(number, name)
    try:
        judge_threads()
    except ThreadFailed as late:
        failed += 1
        print("".join(f"# {line}\n" for line in f"behind its case: {late}".splitlines()), end="", file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)
