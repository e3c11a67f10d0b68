#!/usr/bin/python3
"""Is what a play does to a server behind the daemon's back there after the server was killed, and what was not flushed gone?"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fault.servers import Server        # noqa: E402
from peer import tap                    # noqa: E402
from scenario import postgres           # noqa: E402

if not postgres.binaries():
    print(f"1..0 # SKIP {postgres.MISSING}")
    sys.exit(0)


def outlives_a_kill(*before):
    """Whether a row that a play writes is there after a power cut; `before` is done in the same session."""
    server = Server()
    try:
        postgres.ask(server.store, "CREATE TABLE flag(up boolean)")
        postgres.ask(server.store, "CHECKPOINT")        # the table is there in any case
        server.hold_back()
        postgres.ask(server.store, *before, "INSERT INTO flag VALUES(true)")
        server.kill()
        server.tend()
        return postgres.ask(server.store, "SELECT count(*) FROM flag") == "1"
    finally:
        server.remove()


@tap.case("what a play writes into a database outlives the server's death, or a refusal that has ended would come again")
def _():
    tap.check(outlives_a_kill())


@tap.case("what was committed and not flushed is gone when the server is killed")
def _():
    tap.check(not outlives_a_kill("SET synchronous_commit = off"))


tap.main()
