#!/usr/bin/python3
"""The change of user: root starts the daemon, which binds port 102 and then works as the user of `run-as`."""
import contextlib
import os
import pathlib
import pwd
import random
import shutil
import signal
import stat
import subprocess

from players import ANN, BEN, HOME, NEAR, folder, processes, text_message
from peer import tap
from peer.association import Association
from scenario import postgres
from scenario.chasqui import Mhsd, living, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
USER = pwd.getpwnam("daemon")      # Debian's base system has it; nothing runs as it, and nobody's files are its own
OTHER = pwd.getpwnam("games")
PORT = 102


class Privileged(Mhsd):
    """A daemon at port 102 of a loopback address of its own, so that two runs on one machine don't meet."""

    def __init__(self, path, **settings):
        os.chmod(path, 0o755)
        if not all(os.stat(above).st_mode & 0o001 for above in pathlib.Path(path).parents):
            raise tap.Skip("the folder for temporary files is closed to other users")
        self.host = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        super().__init__(os.path.join(path, "alpha"), port=PORT, run_as=USER.pw_name,
                         peer={"NEAR": peer_section(1, "NEAR", "near's secret", domain=NEAR)},
                         user={ANN: {"login": USER.pw_name}, BEN: {"login": OTHER.pw_name}}, **settings)
        os.chmod(self.path, 0o600)  # passwords are in it: root's alone

    def public(self, name):
        """A copy of a program where every user may run it: the checkout may be root's alone."""
        copy = os.path.join(os.path.dirname(self.folder), name)
        return copy if os.path.exists(copy) else shutil.copy(program(name), copy)

    def call(self):
        return Association.open(PORT, self.host, mta="NEAR", password="near's secret", checkpoint=64)

    def as_user(self, user, *arguments):
        """Runs `mhs` as a user of the machine who is not root."""
        return subprocess.run([self.public("mhs"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/",
                              env={**os.environ, "HOME": "/", "CHASQUI_SOCKET": self.socket_path})

    def children(self):
        return [pid for pid in processes(self.process.pid) if pid != self.process.pid]


def needs_root():
    if os.geteuid() != 0:
        raise tap.Skip("only root can change the user")


@contextlib.contextmanager
def privileged(**settings):
    needs_root()
    with folder() as path, Privileged(path, **settings) as mta:
        yield mta


def identity(pid):
    """The lines of /proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def runs_as_user(pid):
    """True when the process is the user in every respect, and can't become anybody else."""
    who = identity(pid)
    return (who["Uid"].split() == [str(USER.pw_uid)] * 4 and who["Gid"].split() == [str(USER.pw_gid)] * 4 and
            who["Groups"].split() == [str(USER.pw_gid)] and who["NoNewPrivs"] == "1" and
            [int(who[name], 16) for name in ("CapEff", "CapPrm", "CapInh")] == [0, 0, 0])


def reloaded(mta, **settings):
    before = mta.log().count("was reread")
    mta.configure(**settings)
    mta.reload()
    wait_until(lambda: mta.log().count("was reread") > before, what="the reload")


# ---- identity


@case("root binds port 102, and all but the parent are the user")
def _():
    with privileged() as mta:
        equal(identity(mta.process.pid)["Uid"].split()[1], "0")
        wait_until(lambda: len(mta.children()) >= 4 and all(map(runs_as_user, mta.children())),
                   what="the identity of " + str({pid: identity(pid)["Uid"] for pid in mta.children()}))
        with mta.call() as peer:
            peer.transfer(text_message("privileged", [ANN]))
            peer.release()
        wait_until(lambda: len(mta.request("mailbox-list", mailbox=ANN)["entries"]) == 1)


@case("the store belongs to the user, and nobody else may look into it")
def _():
    with privileged() as mta:
        found = [mta.folder + "/store"]
        for at, folders, files in os.walk(found[0]):
            found += [os.path.join(at, name) for name in folders + files]
        check(len(found) > 3, found)
        for path in found:
            status = os.stat(path)
            equal(status.st_uid, USER.pw_uid, path)
            check(not stat.S_IMODE(os.stat(found[0]).st_mode) & 0o077, path)


@case("the machine's users reach their own mailboxes only")
def _():
    with privileged() as mta:
        done = mta.as_user(OTHER, "send", "--from", BEN, "--to", ANN, "--subject", "Hello", "--text", "Hello")
        equal(done.returncode, 0, done.stderr)
        wait_until(lambda: len(mta.request("mailbox-list", mailbox=ANN)["entries"]) == 1)
        equal(mta.as_user(OTHER, "list", "--user", BEN).returncode, 0)
        done = mta.as_user(OTHER, "list", "--user", ANN)
        check(done.returncode != 0 and "not-permitted" in done.stderr, done.stderr)
        done = mta.as_user(OTHER, "queue", "list")
        check(done.returncode != 0, done.stdout)


# ---- life


@case("a reload reads what only root can read, and keeps associations")
def _():
    with privileged() as mta, mta.call() as peer:
        peer.transfer(text_message("before", [ANN]))
        carl = f"{HOME}/S=carl"
        reloaded(mta, user={**mta.settings["user"], carl: {"login": USER.pw_name}})
        peer.transfer(text_message("after", [carl]))
        peer.release()
        wait_until(lambda: len(mta.request("mailbox-list", mailbox=carl)["entries"]) == 1)
        wait_until(lambda: all(map(runs_as_user, mta.children())))


@case("a process that ended is started again as the user")
def _():
    with privileged() as mta:
        before = wait_until(lambda: len(mta.children()) >= 4 and mta.children())
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not set(before) & set(mta.children()) and mta.answers())
        wait_until(lambda: all(map(runs_as_user, mta.children())))


@case("no process outlives a parent that was killed")
def _():
    with privileged() as mta:
        group = mta.process.pid
        wait_until(lambda: len(mta.children()) >= 4 and all(map(runs_as_user, mta.children())))
        mta.process.kill()
        mta.process.wait()
        wait_until(lambda: not living(group), what="the end of the processes")
        mta.start()
        equal(mta.request("status")["state"], "serving")


# ---- refusals


def refused(mta):
    """What the daemon says that does not start."""
    mta.start(wait=False)
    try:
        check(mta.process.wait(30) == 1, mta.log())
    finally:
        mta.kill()
    return mta.log()


@case("a store that the user can't write is refused, with what to do")
def _():
    needs_root()
    with folder() as path:
        mta = Privileged(path)
        with mta:
            pass
        shutil.rmtree(mta.folder + "/store/segments")
        os.chown(mta.folder + "/store/queue.db", 0, 0)
        os.chmod(mta.folder + "/store/queue.db", 0o600)
        said = refused(mta)
        check(f"{mta.folder}/store/queue.db" in said and f"chown -R {USER.pw_name} {mta.folder}/store" in said, said)


@case("a link in the store's place gives nothing of root's away")
def _():
    needs_root()
    with folder() as path:
        mta = Privileged(path)
        os.mkdir(path + "/precious", 0o755)
        os.symlink(path + "/precious", mta.folder + "/store")
        said = refused(mta)
        check("it is a symbolic link" in said, said)
        equal(os.stat(path + "/precious").st_uid, 0)


@case("so is one below a folder that the user can't enter")
def _():
    needs_root()
    with folder() as path:
        mta = Privileged(path)
        os.mkdir(mta.folder + "/closed", 0o700)
        for below in "", "/within":
            store = f"{mta.folder}/closed{below}/store"
            mta.configure(store=store)
            os.makedirs(os.path.dirname(store), exist_ok=True)
            check(not os.path.exists(store))
            told = tested(mta)                      # there is none yet
            said = refused(mta)
            words = (f"{USER.pw_name} can't read and write {store}: Permission denied", f"{mta.folder}/closed does not: chmod o+x {mta.folder}/closed,")
            check(all(word in text for word in words for text in (told, said)), (told, said))
            check(os.path.isdir(store) and not os.listdir(store), "the start has made the folder")
            equal(tested(mta), told)
            os.chmod(mta.folder + "/closed", 0o711)
            with mta:
                mta.request("status")
            equal(tested(mta, 0), "")
            os.chmod(mta.folder + "/closed", 0o700)
            equal(tested(mta), told)                # one with a store in it


def tested(mta, status=1):
    """What `mhsd -t` says."""
    done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True, timeout=60)
    equal(done.returncode, status, done.stderr)
    return done.stderr


@case("a user that is not there is refused by the check and at the start")
def _():
    needs_root()
    with folder() as path:
        mta = Privileged(path)
        mta.configure(run_as="no-such-user")
        done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True)
        equal(done.returncode, 1)
        for said in done.stderr, refused(mta):
            check("no-such-user" in said and "useradd --system" in said, said)


@case("without root, run-as plays no part, and port 102 is refused")
def _():
    needs_root()
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= PORT:
            raise tap.Skip("here everybody may bind port 102")
    with folder() as path:
        mta = Privileged(path)
        os.chown(mta.folder, OTHER.pw_uid, OTHER.pw_gid)
        os.chmod(mta.path, 0o644)
        done = subprocess.run([mta.public("mhsd"), "-c", mta.path], capture_output=True, text=True, timeout=60, cwd="/",
                              user=OTHER.pw_uid, group=OTHER.pw_gid, extra_groups=[])
        equal(done.returncode, 1)
        check(f"{mta.host} port {PORT}" in done.stderr and "need root" in done.stderr, done.stderr)


@case("a store at a server that knows its users by their logins is looked into by 'mhsd -t' as the user of 'run-as'")
def _():
    needs_root()
    if not postgres.binaries():
        raise tap.Skip(postgres.MISSING)
    with folder() as path, postgres.Postgres() as server:
        server.sql(f"CREATE ROLE {USER.pw_name} LOGIN")
        server.sql(f"CREATE DATABASE its OWNER {USER.pw_name}")
        with open(os.path.join(server.data, "pg_hba.conf"), "w") as file:
            file.write("local all all peer\n")
        server.postmaster.send_signal(signal.SIGHUP)
        mta = Privileged(path, store=server.uri("its", USER.pw_name))

        def tested():
            done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=60, check=False)
            return done.returncode, done.stderr
        wait_until(lambda: subprocess.run([os.path.join(postgres.binaries(), "psql"), server.uri(), "-c", ""], capture_output=True,
                                          check=False).returncode, what="the server knows root no more")
        equal(tested(), (0, ""), "before there is a store")
        with mta:
            equal(mta.request("status")["state"], "serving")
            equal(tested(), (0, ""), "while it is served")


tap.main()
