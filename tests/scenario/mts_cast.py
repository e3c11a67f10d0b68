"""What plays of P3 share: a stage with users who have passwords, their binds, what they submit, and what is in mailboxes."""
import contextlib
import json
import subprocess

from players import ANN, BEN, SANITIZER, Stage, folder
from peer import ber, ipm, local, p3, tap
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


# --- deliveries

CONTEXTS = ("mts-access-88", "mts-access-94", "mts-reliable-access-88", "mts-reliable-access-94")
BY_P3 = {ANN: {"password-hash": hashed(ANNS)}, BEN: {"password-hash": hashed(BENS), "delivery": "p3"}}


def stage_of_agents(**settings):
    """ANN has a mailbox, BEN's own program takes his messages."""
    return stage_with_users(users=settings.pop("users", BY_P3), **settings)


def ben(stage, context="mts-access-94"):
    return bind(stage, context, BEN, BENS)


def send(stage, subject="A letter", recipients=(BEN,), content=None, **options):
    with stage.mta.client() as client:
        envelope = local.submission_envelope(ANN, list(recipients), **options)
        return client.submit(envelope, letter(ANN, [BEN], subject) if content is None else content)


def copies(stage):
    return stage.mta.request("queue-list")["entries"]


def wait_empty(stage):
    tap.wait_until(lambda: not copies(stage), what="an empty queue")


def controls(operations=None, most=None, lowest=None, types=None, eits=None, restrict=True):
    """An argument of delivery-control. `types`: built-in content types; `eits`: the element."""
    return ber.set_(b"" if restrict else ber.prim(0, b"\0"), ber.prim(1, ber.bits_octets(operations)) if operations is not None else b"",
                    ber.prim(2, ber.integer_octets(most)) if most is not None else b"",
                    ber.app_prim(7, bytes([lowest])) if lowest is not None else b"",
                    ber.ctx(4, *(ber.app_prim(6, ber.integer_octets(t)) for t in types)) if types is not None else b"", eits or b"")


def states(stage):
    return sorted(copy["state"] for copy in copies(stage))


# --- the judge

# tshark 4.0 has P7 take id-as-msse, over P3, which reads its operations in any other of its abstract syntaxes: to the judge the
# submission port is named as that of administration.
MSSE, MASE = ber.oid("2.6.0.2.1"), ber.oid("2.6.0.2.6")


def for_tshark(log):
    return [(entry[0], entry[-1].replace(MSSE, MASE)) for entry in log]


def said_by_tshark(path):
    done = subprocess.run(["tshark", "-r", path, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return done.stdout
