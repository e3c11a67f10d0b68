"""A daemon whose users bind, by P3 or P7: what the plays of both set up and look at."""
import contextlib
import json
import subprocess

from players import ANN, BEN, SANITIZER, Stage, folder
from peer import ipm
from scenario import chasqui

ANNS, BENS = "ann's secret", "ben's secret"
_hashes = {}


def hashed(secret):
    if secret not in _hashes:
        _hashes[secret] = json.loads(chasqui.run_mhs("user", "hash", "--json", "--password-command", f"echo \"{secret}\""))["password-hash"]
    return _hashes[secret]


@contextlib.contextmanager
def stage_with_users(**settings):
    """ALPHA with ann and ben, who have passwords, and a port for them."""
    users = settings.pop("users", {ANN: {"password-hash": hashed(ANNS)}, BEN: {"password-hash": hashed(BENS)}})
    with folder() as path:
        port = chasqui.free_port()
        with Stage(path, environment=SANITIZER, listen_users=[f"Internet=127.0.0.1+{port}"], user=users, **settings) as stage:
            stage.users_port = port
            yield stage


def letter(originator, recipients, subject):
    return ipm.ipm(subject, originator, recipients, subject, ipm.text("Hello"))


def entries(stage, address):
    return stage.mta.request("mailbox-list", mailbox=address)["entries"]


def said_by_tshark(path):
    done = subprocess.run(["tshark", "-r", path, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return done.stdout
