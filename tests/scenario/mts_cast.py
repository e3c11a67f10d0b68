"""What plays of P3 share: a stage with users who have passwords, their binds, what they submit, and what is in mailboxes."""
import contextlib
import json
import subprocess

from players import ANN, BEN, SANITIZER, Stage, folder
from peer import ipm, local, p3
from peer.association import BindRefused
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


def bind(stage, context="mts-access-94", address=ANN, secret=ANNS, **options):
    return p3.bind(stage.users_port, context, address, secret, **options)


def bind_error(stage, **options):
    try:
        bind(stage, **options).close()
    except BindRefused as error:
        return error.reason
    raise AssertionError("the bind was accepted")


def letter(originator, recipients, subject):
    return ipm.ipm(subject, originator, recipients, subject, ipm.text("Hello"))


def entries(stage, address):
    return stage.mta.request("mailbox-list", mailbox=address)["entries"]


def submit(user, originator=ANN, recipients=(BEN,), subject="A letter", content=None, **options):
    return user.submit(local.submission_envelope(originator, list(recipients), **options),
                       letter(originator, [r for r in recipients if isinstance(r, str)], subject) if content is None else content)


def said_by_tshark(path):
    done = subprocess.run(["tshark", "-r", path, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return done.stdout
