#!/usr/bin/python3
"""A backup that is put back, and clocks and counters with it: no MTS-identifier comes a second time."""
import os
import shutil

from players import ANN, BEN, Unharmed, folder, hostile_stage     # it makes packages importable
from peer import ipm, local, tap

case, check, equal = tap.case, tap.check, tap.equal


def submit(stage, count):
    """The local identifiers of so many messages."""
    with stage.mta.client() as client:
        return [client.submit(local.submission_envelope(ANN, [BEN]), ipm.ipm(f"m{n}", ANN, [BEN], "m", ipm.text("m")))
                for n in range(count)]


@case("identifiers differ over restarts, kills and backups that are put back, from the first on")
def _():
    with folder() as path, hostile_stage(path) as stage:
        mta, store, backup = stage.mta, os.path.join(stage.mta.folder, "store"), os.path.join(path, "backup")
        seen = submit(stage, 3)
        mta.stop()
        shutil.copytree(store, backup)
        for turn in range(6):
            mta.start()
            with Unharmed(stage) as unharmed:
                seen += submit(stage, 3)
                unharmed.served(f"turn-{turn}")
            if turn % 2:
                mta.kill()
            else:
                mta.stop()
            shutil.rmtree(store)
            shutil.copytree(backup, store)
        mta.start()
        seen += submit(stage, 3)
        equal(len(set(seen)), len(seen), sorted(seen))
        check(all(len(name) <= 32 for name in seen), seen)
        check(len({name.rpartition(".")[0] for name in seen}) == 8, "a part of its own for each start")


tap.main()
