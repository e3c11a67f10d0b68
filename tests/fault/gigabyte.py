#!/usr/bin/python3
"""A message of 1 GB between two daemons: the wire is cut at 900 MB, both daemons (with PostgreSQL their servers too) are
killed and started again, and the transfer goes on from its last confirmed checkpoint. What arrives is the file that was sent.

Usage: gigabyte.py [--engine sqlite|postgresql] [--megabytes N]
Environment: CHASQUI_SOURCE, CHASQUI_BUILD.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["CHASQUI_SOURCE"], "tests"))
sys.dont_write_bytecode = True

from fault.proxy import CuttingProxy                                                              # noqa: E402
from fault.servers import FAULTS, Server                                                          # noqa: E402
from scenario.chasqui import Mhsd, free_port, peer_section, program                              # noqa: E402

ALPHA, BETA = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=BETA"
ADA, BERT = ALPHA + "/S=Ada", BETA + "/S=Bert"
SECONDS = 1200   # that one step may take


def daemons(folder, cut, servers):
    beta_port = free_port()
    proxy = CuttingProxy(beta_port, [("in", cut)])

    def daemon(name, domain, other, other_domain, port, other_port, users):
        return Mhsd(os.path.join(folder, name), name, domain, port=port, user={user: {} for user in users},
                    **({"store": servers[name].store} if servers else {}),
                    limits={"content-octets": 2 << 30},
                    peer={other: peer_section(other_port, other, other, our=name, our_password=name,
                                              domain=other_domain)},
                    route={other_domain: {"next-hop": {other: {}}}})
    alpha_port = free_port()
    return (proxy, daemon("ALPHA", ALPHA, "BETA", BETA, alpha_port, proxy.port, [ADA]),
            daemon("BETA", BETA, "ALPHA", ALPHA, beta_port, alpha_port, [BERT]))


def mhs(daemon, *arguments):
    subprocess.run([program("mhs"), *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   env={**os.environ, "CHASQUI_SOCKET": daemon.socket_path}, timeout=SECONDS)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_file(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))


def wait(what, until):
    deadline = time.monotonic() + SECONDS
    while not until():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come about in {SECONDS} s")
        time.sleep(0.2)


def play(folder, megabytes, engine):
    cut = megabytes * 900_000
    servers = {name: Server() for name in ("ALPHA", "BETA")} if engine == "postgresql" else {}
    sent, got = os.path.join(folder, "sent.bin"), os.path.join(folder, "got")
    make_file(sent, megabytes)
    proxy, alpha, beta = daemons(folder, cut, servers)
    try:
        alpha.start()
        beta.start()
        mhs(alpha, "send", "--from", ADA, "--to", BERT, "--subject", "1 GB", "--attach", sent)
        wait("the cut", lambda: proxy.broken)
        alpha.kill()
        beta.kill()
        for server in servers.values():
            server.kill()
            server.tend()
        print(f"cut after {cut:,} octets, both daemons{' and servers' if servers else ''} killed", flush=True)
        beta.start(seconds=60)
        alpha.start(seconds=60)
        wait("the delivery", lambda: beta.request("mailbox-list", mailbox=BERT)["entries"])
        again = sum(proxy.passed[1:])
        mhs(beta, "save", "--user", BERT, "1", "1", got)
        same = digest(got) == digest(sent)
        print(f"{again:,} octets went over the wire after the cut; SHA-256 {'equal' if same else 'DIFFERS'}")
        return same and again < megabytes * 150_000 and len(beta.request("mailbox-list", mailbox=BERT)["entries"]) == 1
    finally:
        for daemon in (alpha, beta):
            if daemon.process and daemon.process.poll() is None:
                daemon.kill()
        for server in servers.values():
            server.remove()
        proxy.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=list(FAULTS), default="sqlite")
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="chasqui-gigabyte-")
    try:
        return 0 if play(folder, options.megabytes, options.engine) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
