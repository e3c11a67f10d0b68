#!/usr/bin/python3
"""Runs a test program with a PostgreSQL server of its own: with_postgres.py PROGRAM [ARGUMENT]...

The program finds in $CHASQUI_TEST_POSTGRES the server's folder, which has its socket. When the test
kills the server, it is started again at once, until the program ends.
"""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from scenario import postgres                                    # noqa: E402

signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def again(server, seconds=60):
    """Processes of the one that was killed may still have its memory: it is tried until they are gone."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return server.start()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main(command):
    if not postgres.binaries():
        print(f"1..0 # SKIP {postgres.MISSING}")
        return 0
    with postgres.Postgres() as server:
        environment = {**os.environ, "CHASQUI_TEST_POSTGRES": server.folder}
        program = subprocess.Popen(command, env=environment)
        try:
            while program.poll() is None:
                if server.postmaster.poll() is not None:
                    again(server)
                time.sleep(0.02)
        finally:
            if program.poll() is None:
                program.kill()
        return program.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
