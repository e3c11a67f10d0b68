#!/usr/bin/python3
"""What README, guides and manuals print is what the programs take and say."""
import glob
import os
import re
import shutil
import subprocess

from players import Neighbour, folder
from peer import tap
from scenario.chasqui import SANDBOX, SOURCE, Mhsd, free_port, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
ALPHA, BETA = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=BETA"
PAGES = ["README.md"] + sorted(os.path.relpath(path, SOURCE) for path in glob.glob(f"{SOURCE}/docs/guide-*.md"))
MANUALS = ["man/mhs.1", "man/mhsd.8", "man/chasqui.conf.5.in"]
CONFIGURATION = re.compile(r"(mta-name|peer|route|user|list|directory)\b.*[={]")


def blocks(page):
    """The literal blocks of a page, without their indent."""
    with open(os.path.join(SOURCE, page)) as file:
        text = file.read()
    if page.startswith("man/"):
        return [block.replace("\\e", "\\") for block in re.findall(r"^\.Bd -literal.*\n((?s:.*?))^\.Ed", text, re.M)]
    return [re.sub(r"^    ", "", block, flags=re.M) for block in re.findall(r"^    .*\n(?:(?:    .*)?\n)*", text, re.M)]


def commands(page):
    """The lines that call mhs, continued ones joined, prompts taken off."""
    text = "\n".join(blocks(page)).replace("\\\n", " ")
    return [line for line in re.findall(r"^(?:\$ )?(.*)$", text, re.M) if line.startswith("mhs ")]


def run(command, mta, user, path):
    """The command as a shell takes it, in a folder with the files that pages name."""
    environment = {**os.environ, "PATH": os.path.dirname(program("mhs")) + ":" + os.environ["PATH"],
                   "CHASQUI_SOCKET": mta.socket_path, "CHASQUI_USER": user, "XDG_CONFIG_HOME": path}
    return subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=path,
                          env=environment, timeout=60)


def shape(text):
    """Numbers, the part of identifiers that is drawn, and the width of columns differ from run to run."""
    text = re.sub(r"\b\d{6}Z\.[0-9a-f]{8}\b", "PART", re.sub(r";alpha\.[0-9a-z]{11}\.", ";alpha.PART.", text))
    return [re.sub(r"\d+", "0", " ".join(line.split())) for line in text.splitlines() if line.strip()]


@case("the pages' configuration is right")
def _():
    examples = [(page, block) for page in PAGES + MANUALS for block in blocks(page) if CONFIGURATION.match(block)]
    check(len(examples) >= 6, examples)
    with folder() as path:
        for page, block in examples:
            head = "" if 'mta-name = "ALPHA-MTA"' in block else f'mta-name = "ALPHA-MTA"\ndomain = "{ALPHA}"\n'
            with open(f"{path}/chasqui.conf", "w") as file:
                os.chmod(file.fileno(), 0o600)
                # Ada is no user of this machine
                file.write(f'{head}run-as = ""\n{block}\n'.replace('login = "ada"', 'login = "daemon"'))
            done = subprocess.run([program("mhsd"), "-t", "-c", f"{path}/chasqui.conf"], capture_output=True, text=True)
            said = [line for line in done.stderr.splitlines() if os.geteuid() == 0 or "warning: " not in line]    # of root's folders
            equal((page, block, done.returncode, said), (page, block, 0, []))


@case("the example configurations are right")
def _():
    examples = sorted(glob.glob(f"{SOURCE}/examples/*.conf"))
    equal([os.path.basename(example) for example in examples], ["icao.conf", "relay.conf", "small-mta.conf"])
    with folder() as path:
        for example in examples:
            with open(example) as file, open(f"{path}/chasqui.conf", "w") as out:
                os.chmod(out.fileno(), 0o600)
                out.write(f'run-as = ""\nstore = "{path}/store"\nsocket = "{path}/mhsd.sock"\n' + file.read())      # whatever this machine has
            subprocess.run([program("mhsd"), "--create-store", "-c", f"{path}/chasqui.conf"], capture_output=True, check=False)
            done = subprocess.run([program("mhsd"), "-t", "-c", f"{path}/chasqui.conf"], capture_output=True, text=True)
            said = [line for line in done.stderr.splitlines() if os.geteuid() == 0 or "listen: port 102 " not in line]  # root's
            equal((example, done.returncode, said), (example, 0, []))


@case("the first configuration serves, and the README's commands do what it says")
def _():
    with folder() as path:
        mta = Mhsd(path, user={})
        os.remove(mta.path)
        done = subprocess.run([program("mhsd"), "--write-config", mta.path], cwd=path, capture_output=True, text=True)
        equal((done.returncode, os.stat(mta.path).st_mode & 0o777), (0, 0o600))
        with open(mta.path) as file:
            check(re.search(r"^    # tracking = \d+ +# seconds$", file.read(), re.M), "the unit")
        with open(mta.path) as file:
            text = file.read()
        for where, remedy in (mta.path, "name another file"), (f"{path}/none/chasqui.conf", "make its folder first"):
            done = subprocess.run([program("mhsd"), "--write-config", where], cwd=path, capture_output=True, text=True)
            equal((done.returncode, f"{where}: " in done.stderr, remedy in done.stderr), (1, True, True), done.stderr)
        check(f'"{path}/var/store"' in text and "127.0.0.1+10102" in text, text)
        user = "chasqui" if os.geteuid() == 0 else ""
        check(f'run-as = "{user}"' in text, text)
        with open(mta.path, "w") as file:       # that user need not be there, nor reach this folder
            file.write(text.replace("127.0.0.1+10102", f"127.0.0.1+{mta.port}").replace(f'run-as = "{user}"', 'run-as = ""') +
                       f'sandbox = "{SANDBOX}"\n')
        mta.socket_path = f"{path}/var/mhsd.sock"
        # Neither folder is there yet: the start makes both, which the test foresees, as does the other maker.
        done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True)
        equal((done.returncode, done.stderr, os.path.exists(f"{path}/var")), (0, "", False))
        done = subprocess.run([program("mhsd"), "--create-store", "-c", mta.path], capture_output=True, text=True)
        equal((done.returncode, os.stat(f"{path}/var/store").st_mode & 0o777), (0, 0o700), done.stderr)
        equal(os.stat(f"{path}/var").st_mode & 0o777, 0o755)
        shutil.rmtree(f"{path}/var")
        with mta:
            done = {line: run(line, mta, "", path) for line in commands("README.md")}
            check(len(done) == 4, done)
            for line, it in done.items():
                equal((line, it.returncode, it.stderr), (line, 0, ""))
            box, = [line for line in done if line.startswith("mhs list")]
            wait_until(lambda: "Hello" in run(box, mta, "", path).stdout)


@case("mhs understands every command of the guides and manuals")
def _():
    peer = Neighbour("BETA-MTA", "what they give")
    with folder() as path, Mhsd(f"{path}/alpha", peer={"BETA": peer_section(peer.port, "BETA-MTA", "what they give")},
                                route={BETA: {"next-hop": {"BETA": {"rank": 1}}}},
                                user={f"{ALPHA}/S=Jones": {"available": True}}) as mta:
        for name in "plans.pdf", "letter.txt", "contract.pdf", "answer.txt":
            with open(f"{path}/{name}", "w") as file:
                file.write("plans")
        os.makedirs(f"{path}/chasqui")
        with open(f"{path}/chasqui/aliases", "w") as file:
            file.write(next(block for block in blocks("docs/guide-mail.md") if block.startswith("me ")))
        with open(f"{path}/ada.password", "w") as file:
            file.write("Ada's own\n")
        lines = [(page, line) for page in PAGES[1:] + MANUALS for line in commands(page)]
        check(len(lines) > 12, lines)
        for page, line in lines:
            line = line.replace("/var/lib/chasqui", f"{path}/restored").replace("/var/backups", path)
            line = line.replace("mhs probe", "mhs probe --timeout 1")        # this neighbour reports nothing
            if "backup --store" in line:        # of a store without a daemon
                shutil.copytree(f"{path}/chasqui-monday", f"{path}/restored")
            elif "store restore" in line:
                shutil.rmtree(f"{path}/restored")
            done = run(line.replace("--uid ada", "--uid daemon"), mta, f"{ALPHA}/S=Jones", path)
            if "postgresql://" in line:         # no server is there; tests/scenario/server.py has one
                equal((done.returncode, "connection to server" in done.stderr), (4, True), done)
                continue
            # 1: there is no such copy, or no such message, here; 6: no report on a probe
            check(done.returncode in (0, 1) or (done.returncode == 6 and "mhs probe" in line), f"{page}: {line}: exit {done.returncode}: {done.stderr}")
            check(done.returncode in (0, 6) or not line.startswith(("mhs user", "mhs send", "mhs ping", "mhs route", "mhs store")), done)
    peer.close()


@case("a non-delivery looks as the guide shows it")
def _():
    shown, = [block for block in blocks("docs/guide-non-delivery.md") if block.startswith("$ mhs list")]
    jones, port = f"{ALPHA}/S=Jones", free_port()
    with folder() as path:
        alpha = Mhsd(f"{path}/alpha", node="alpha", user={jones: {"available": True}},
                     peer={"BETA": peer_section(port, "BETA-MTA", "b", "ALPHA-MTA", "a")},
                     route={BETA: {"next-hop": {"BETA": {"rank": 1}}}})
        beta = Mhsd(f"{path}/beta", "BETA-MTA", BETA, port=port,
                    peer={"ALPHA": peer_section(alpha.port, "ALPHA-MTA", "a", "BETA-MTA", "b")},
                    route={ALPHA: {"next-hop": {"ALPHA": {"rank": 1}}}})
        with alpha, beta:
            run(f"mhs send --to {BETA}/O=Werke/S=Nobody --text Hello", alpha, jones, path)
            wait_until(lambda: "no such recipient" in run("mhs list --user " + jones, alpha, jones, path).stdout)
            said = "".join(f"$ {line}\n" + run(line, alpha, jones, path).stdout for line in ("mhs list", "mhs read 1"))
            beta.stop()
            run(f"mhs send --to {BETA}/O=Werke/S=Schmidt --text Hello", alpha, jones, path)
            wait_until(lambda: "TCP" in run("mhs queue list", alpha, jones, path).stdout)
            waits = "$ mhs queue list\n" + run("mhs queue list", alpha, jones, path).stdout
        equal(shape(said), shape(shown))
        queued, = [block for block in blocks("docs/guide-non-delivery.md") if block.startswith("$ mhs queue list")]
        # How long a copy has waited differs; what there is of its recipient and cause hangs on that.
        equal([re.sub(r"^(0 \S+ \S+) .*", r"\1", line) for line in shape(waits)],
              [re.sub(r"^(0 \S+ \S+) .*", r"\1", line) for line in shape(queued)])


# What may stand behind a label; text where nothing else is said.
SAMPLES = {"C": "FR", "X121": "123456", "ISDN": "4712345", "PSAP": "Internet=192.0.2.1", "T-TY": "ttx", "N-ID": "42", "PD-C": "GB",
           "X-EXT:number": "0C0141", "A": "GOLD", "P": "ALPHA"}


def spelled(text):
    """`OU1 to OU4` and the like, each by itself."""
    found = re.fullmatch(r"(.*?)(\d)(.*) to \1(\d)\3", text)
    return [f"{found[1]}{number}{found[3]}" for number in range(int(found[2]), int(found[4]) + 1)] if found else [text]


@case("every label of mhs-address(7) is taken for the attribute that its line says, and its ways to write are one address")
def _():
    with open(os.path.join(SOURCE, "man/mhs-address.7")) as file:
        text = file.read()
    table = re.findall(r"^\.It (\S+(?: to \S+)?) Ta (.*)$", text.replace(".It Sy label", ""), re.M)
    check(len(table) > 30, table)
    ways, = [block for block in blocks("man/mhs-address.7") if block.startswith("/C=GB")]
    with folder() as path, Mhsd(path) as mta:
        def printed(address):
            return mta.request("route", address=address)["recipient"]
        equal({printed(way).upper() for way in ways.splitlines()}, {ways.splitlines()[0].rstrip("/").upper()})
        for labels, others in table:
            for number, label in enumerate(spelled(labels)):
                known = [label] + [spelled(other)[number if labels != label else 0] for other in others.partition(":")[0].split(", ")
                                   if not other.startswith(("the ", "an extension", "DD"))]
                if label.startswith(("DDA", "X-EXT")):
                    known = [spelled(word)[0] for word in [label, *others.split(", ")] if label.startswith("DDA")] or [label]
                value = SAMPLES.get(label, SAMPLES.get(labels, "b"))
                base = {"C": "C=GB", "A": "A=X", "P": "P=Y", "S": "S=s"}
                got = set()
                for word in known:
                    name = word.replace(":number", ":77").replace("type", "kind")
                    rest = [text for key, text in base.items() if key != label]
                    rest += [f"{label[:-1]}{above}=b" for above in range(1, number + 1)]
                    got.add(printed(f"{name}={value};" + ";".join(rest)))
                equal((label, len(got)), (label, 1), str((known, got)))
                shown = label.replace(":number", ":77").replace("type", "kind")
                check(f"/{shown}=" in got.pop() + "/", (label, known))


@case("the unit for systemd verifies")
def _():
    if not shutil.which("systemd-analyze"):
        raise tap.Skip("systemd-analyze is not installed")
    with folder() as path, open(os.path.join(os.path.dirname(program("mhsd")), "chasqui.service")) as file:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=" + program("mhsd"), file.read(), flags=re.M)
        with open(f"{path}/chasqui.service", "w") as unit:
            unit.write(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))     # the manuals may not be installed
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{path}/chasqui.service"], capture_output=True,
                              text=True, timeout=120)
        about_ours = [line for line in done.stderr.splitlines() if "chasqui" in line]
        equal((done.returncode, about_ours), (0, []))


tap.main()
