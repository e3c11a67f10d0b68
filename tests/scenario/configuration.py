#!/usr/bin/python3
"""The configuration: all that is wrong is said at once, its cost is linear, and a reload tells what has changed."""
import json
import os
import re
import subprocess

from players import folder
from peer import local, tap
from scenario.chasqui import Mhsd, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
OURS = "/C=GB/A=GOLD/P=ALPHA"
HEAD = 'mta-name = "ALPHA-MTA"\ndomain = "/C=GB/A=GOLD/P=ALPHA"\nrun-as = ""\nstore = "/tmp/chasqui-nowhere"\n'


def write(path, text, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def examine(path):
    """What mhsd -t says of a file, and the processor's seconds that it took."""
    process = subprocess.Popen([program("mhsd"), "-t", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    if os.geteuid() != 0:           # root's folder and port
        said = re.sub("mhsd: warning: .*: (socket: /run/chasqui|listen: port 102 ).*\n", "", said)
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, usage.ru_utime + usage.ru_stime


@case("a file with many faults is told all of them, each with file, line, option and what is allowed")
def _():
    with folder() as path:
        write(f"{path}/peers.conf", 'peer BETA {\n  window-size = 500\n  dialogue = shouting\n  pasword = "x"\n}\n'
                                    'peer BETA { }\n')
        write(f"{path}/main.conf", HEAD + 'node = a\nnode = b\ninclude("peers.conf")\nlisten = { "nonsense" }\n'
                                          'limits { clients = many }\ntpdu-size = 128\ncatch-all =\n')
        status, said, _ = examine(f"{path}/main.conf")
        equal(status, 1)
        for place, words in (("main.conf: line 6", "node appears twice"), ("peers.conf: line 2", "between 1 and 100"),
                             ("peers.conf: line 3", "monologue, two-way-alternate"),
                             ("peers.conf: line 4", "mean 'password'"), ("peers.conf: line 6", "appears twice"),
                             ("main.conf: line 9", "'many' is not a number"),
                             ("main.conf: line 8", "write Internet=HOST+PORT"),
                             ("main.conf: line 10", "does not belong at the top level, but in a section peer"),
                             ("main.conf: line 12", "the file ends where a value is expected")):
            check(any(place + ":" in line and words in line for line in said.splitlines()), (place, words, said))


@case("complaints come in the order of the lines, all in one round, and nothing follows from another")
def _():
    user, out = "/C=GB/A=GOLD/P=ALPHA/S=x", "/C=GB/A=GOLD/P=ALPHA/Z=y"
    text = [("catch-all = nonsense", "catch-all: nonsense"), ("route /C=FR/XX=9 { next-hop BETA { } }", None),
            ('route "/C=FR/XX=9" { next-hop BETA { } }', "unknown label 'XX'"), ('route "/C=FR" { next-hop BETA { } }', None),
            ("peer BETA { window-size 500", "'=' is expected"), ("  mta-name = BETA", None), ("}", None),
            ("peer GAMMA", None), ("  mta-name = GAMMA", "'{' is expected"), ("}", None),
            ('peer DELTA { domain = "/C=DE/Q=X" }', "'X'"), ('route "/C=DE" { next-hop DELTA { } }', None),
            (f'user "{user}" {{ max-length = many }}', "'many' is not a number"), (f'user "{out}" {{ }}', "unknown label 'Z'"),
            (f'list "{user[:-1]}l" {{ members = {{ "{user}" "{user}" }} }}', "',' or '}' is expected"),
            ('alias "/C=G" { target = "x" }', "country 'G'"), ("limits { clients = many }", "'many' is not a number"),
            ("listen = { nonsense }", "nonsense")]
    text[1] = ("# nothing", None)
    text[10] = ('peer DELTA { domain = "/C=DE/Q=X/ZZ=1" }', "'ZZ'")
    head = HEAD.count("\n")
    with folder() as path:
        write(f"{path}/main.conf", HEAD + "\n".join(line for line, _ in text) + "\n")
        status, said, _ = examine(f"{path}/main.conf")
        equal(status, 1)
        expected = [(head + number, words) for number, (_, words) in enumerate(text, 1) if words]
        found = said.splitlines()
        equal([int(line.partition(": line ")[2].partition(":")[0]) for line in found], [number for number, _ in expected], said)
        for line, (_, words) in zip(found, expected):
            check(words in line, (words, line))


@case("a quote that is astray is named with line, column and remedy, and the rest is looked at")
def _():
    with folder() as path:
        for line, column, remedy in (('node = AL"PHA', 10, "in one pair of quotes"), ('node = ALPHA"', 13, "in one pair of quotes"),
                                     ('catch-all = "AL"PHA"', 16, "a backslash before a quote"),
                                     ('catch-all = "\u00e4\u00e4"PHA"', 16, "a backslash before a quote"),
                                     ('catch-all = "ALPHA', 13, 'put " at its end'), ("catch-all = 'ALPHA", 13, "put ' at its end")):
            write(f"{path}/main.conf", f'{HEAD}{line}\nlog-level = "loud"\n')
            status, said, _ = examine(f"{path}/main.conf")
            equal(status, 1)
            first, second = said.splitlines()
            check(f"main.conf: line 5: column {column}: " in first and remedy in first, (line, said))
            check("main.conf: line 6: " in second and "'loud' is not one of" in second, (line, said))
        write(f"{path}/main.conf", HEAD + 'catch-all = "/C=GB\nlog-level = loud\n')
        said = examine(f"{path}/main.conf")[1]
        check("line 5: column 13: " in said and "put \" at its end" in said, said)
        write(f"{path}/main.conf", HEAD + 'peer"A"{ mta-name="x"password=\'y\'}\nnode="a"# fine\n')
        check("line 5: column 21: " in examine(f"{path}/main.conf")[1])
        write(f"{path}/main.conf", HEAD + 'peer"A"{ mta-name="x" check-address=true address={"Internet=192.0.2.1+1"} domain=\'/C=FR\'}\nnode="a"# fine\n')
        equal(examine(f"{path}/main.conf")[:2], (0, ""))


@case("a user or list outside of our domain is warned of, unless a route makes the address local")
def _():
    with folder() as path:
        for more, told in (("", ["user", "list"]), ('route "/C=FR" { local = true }\n', [])):
            write(f"{path}/main.conf", HEAD + 'user "/C=FR/A=X/S=x" { }\nlist "/C=FR/A=X/S=l" { }\nuser "/C=GB/A=gold/P=alpha/S=y" { }\n' + more)
            status, said, _ = examine(f"{path}/main.conf")
            equal(status, 0)
            lines = said.splitlines()
            equal([line.partition(": line ")[2].split()[1] for line in lines], told)
            check(all("outside of our domain /C=GB/A=GOLD/P=ALPHA," in line and f"line {number}: " in line for number, line in enumerate(lines, 5)), said)


@case("a store that was moved away is refused by -t, with the place where it is now")
def _():
    with folder() as path:
        mta = Mhsd(f"{path}/mta", store=f"{path}/old")
        with mta:
            pass
        equal(examine(mta.path)[:2], (0, ""))
        subprocess.run([program("mhs"), "store", "move", f"{path}/old", f"{path}/new"], check=True, capture_output=True, timeout=60)
        status, said, _ = examine(mta.path)
        equal(status, 1)
        check(f"this store was moved to {path}/new" in said and "let 'store' name that one" in said, said)
        mta.configure(store=f"{path}/new")
        equal(examine(mta.path)[:2], (0, ""))


@case("a reload that names a store which was moved away tells where it is now, in its answer and in the log")
def _():
    with folder() as path:
        other = Mhsd(f"{path}/other", store=f"{path}/old")
        with other:
            pass
        subprocess.run([program("mhs"), "store", "move", f"{path}/old", f"{path}/new"], check=True, capture_output=True, timeout=60)
        mta = Mhsd(f"{path}/mta")
        with mta:
            for store, warned in (f"{path}/old", True), (f"{path}/new", False):
                mta.configure(store=store)
                answer = ask(mta, "reload")
                equal([change["restart"] for change in answer["changes"]], [True])
                told = [line for line in answer["warnings"] if f"this store was moved to {path}/new" in line]
                equal((len(told), len(answer["warnings"])), (1, 1) if warned else (0, 0), answer)
            equal(mta.log().count("this store was moved to"), 1)
            check(mta.mhs("status", check=False).returncode == 0)


def advice(path, peer, more=""):
    """What -t warns of at peer BETA, whose configuration is right: (option, what). It gives a password where that is no matter."""
    if not re.search(r"(?<![-\w])password =|check-address =", peer):
        peer += "\npassword = p"
    write(f"{path}/main.conf", HEAD + f"peer BETA {{\n{peer}\n}}\n" + more)
    status, said, _ = examine(f"{path}/main.conf")
    equal(status, 0, said)
    lines = [line for line in said.splitlines() if ': peer "BETA": ' in line and ".conf: line " in line]
    check(all(line.startswith(f"mhsd: warning: {path}/main.conf: line ") for line in lines), said)
    return [tuple(line.partition(': peer "BETA": ')[2].split(": ", 1)) for line in lines]


AT = 'address = { "Internet=192.0.2.1+102" }\n'
OVER_1984 = "application-contexts = { mts-transfer-protocol-1984 }\n"
TO_BETA = 'route "/C=DE" { next-hop BETA { } }\n'


@case("what can't work, or does nothing, is warned of; what works is not")
def _():
    two = 'peer GAMMA {\nmta-name = "BETA"\n%s}\n'
    with folder() as path:
        for peer, more, wanted in (
                ("permanent = true", "", ["permanent"]), ("check-address = true", "", ["check-address"]),
                ("", TO_BETA, ["address"]), (AT, TO_BETA, []), ("dialogue = two-way-alternate", TO_BETA, ["address"]),
                (AT + "unauthenticated = true check-address = true password = x", "", ["unauthenticated"]),
                (AT + 'our-password = "h\u00e9" password-form = ia5-string', "", ["our-password"]),
                (AT + OVER_1984 + 'our-password = "h\u00e9"', "", ["our-password"]),
                (AT + 'our-password = "h\u00e9"', "", []), (AT + 'our-mta-name = "h\u00e9"', "", ["our-mta-name"]),
                (AT + OVER_1984 + "old-extension-form = true", "", ["old-extension-form"]),
                (AT + "old-extension-form = true", "", []), (AT + "rfc1328 = true", "", ["rfc1328"]),
                (AT + OVER_1984 + "rfc1328 = true rfc1328-replace = true", "", []),
                (AT + "rfc1328-encapsulate = true", "", ["rfc1328-encapsulate"]),
                (AT + OVER_1984 + "rfc1328 = true content-1984-only = false rfc1328-replace = true", "", ["rfc1328-replace"]),
                ("password = b", 'peer A { mta-name = "BETA" password = a }\n', []),
                (AT + "password = b", 'peer A { mta-name = "BETA" password = b }\n', [])):
            equal([option for option, _ in advice(path, peer, more)], wanted, f"{peer} {more}")
        for other, told in (("password = b\n", True), ("password = c\n", False),
                            ("password = b\naccepted-contexts = { mts-transfer }\n", True),
                            ("password = b\ncheck-address = true\n" + AT, False), ("", False)):
            write(f"{path}/main.conf", HEAD + "peer BETA { password = b former-password = old }\n" + two % other)
            said = examine(f"{path}/main.conf")[1]
            equal('peer "GAMMA": mta-name: its binds are taken for those of peer "BETA"' in said, told, f"{other}: {said}")


OPEN = "without one, or 'check-address', whoever gives its MTA name is taken for it"


@case("a peer that anybody may say he is is warned of with its line by a test, a start, a reload, config diff and a ping")
def _():
    with folder() as path:
        for peer, wanted in (("password = \"\"", ["password"]), ("password = p former-password = \"\"", ["former-password"]),
                             ("#password =\nformer-password = p", []), ("check-address = true\n" + AT, []), ("password = p", []),
                             ("#password =\nour-password = q", ["password"])):
            said = advice(path, peer)
            equal([option for option, what in said if OPEN in what], wanted, f"{peer}: {said}")
        mta = Mhsd(path + "/mta", peer={"BETA": peer_section(1)})
        with mta:
            for password, number in (None, 0), ("", 1):
                beta = peer_section(1, password=password)
                if password is None:
                    del beta["password"]
                mta.configure(peer={"BETA": beta})
                with open(mta.path) as file:
                    lines = file.read().splitlines()
                place = next(n for n, line in enumerate(lines, 1) if ("password = " in line and "our-" not in line if number else 'peer "BETA"' in line))
                warning = f"{mta.path}: line {place}: peer \"BETA\": password: {'it is empty' if number else 'there is none'}: {OPEN}"
                equal(ask(mta, "config", "diff", status=1)["warnings"], [warning])
                equal(ask(mta, "reload")["warnings"], [warning])
                wait_until(lambda: f"warning: {warning}" in mta.log(), what="the warning in the log")
                equal(examine(mta.path)[1], f"mhsd: warning: {warning}\n")
                check(any(OPEN in told for told in ask(mta, "ping", "BETA", status=1)["warnings"]))
            told = mta.log().count(warning)
        with mta:
            equal(mta.log().count(warning), told + 1, mta.log_tail())


@case("a text that a report can't say is warned of, with what it says")
def _():
    with folder() as path:
        for text, warning in ("nicht möglich", "supplementary-information: a report can't say that; it says 'nicht moglich'"), ("not with us", None):
            write(f"{path}/main.conf", HEAD + f'route "/C=DE" {{ non-delivery = "unable-to-transfer" supplementary-information = "{text}" }}\n')
            status, said, _ = examine(f"{path}/main.conf")
            equal(status, 0)
            check(warning in said if warning else "a report" not in said, said)


@case("a file of passwords that others may read is warned of by a test, a start, a reload and config diff, with its first one's line")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta")
        write(f"{path}/peers.conf", "# theirs\npeer BETA {\nmta-name = BETA\npassword = p\n}\npeer GAMMA { password = q }\n", mode=0o644)
        with open(mta.path, "a") as file:
            file.write(f'include("{path}/peers.conf")\n')
        warning = f"{path}/peers.conf: line 4: the file holds passwords, and others may read it; close it: chmod 600 {path}/peers.conf"
        equal(examine(mta.path)[1], f"mhsd: warning: {warning}\n")
        with mta:
            equal(mta.log().count(warning), 1)
            equal(ask(mta, "config", "diff")["warnings"], [warning])
            equal(ask(mta, "reload")["warnings"], [warning])
            equal(mta.log().count(warning), 2)
            os.chmod(f"{path}/peers.conf", 0o600)
            equal(ask(mta, "reload")["warnings"], [])


@case("a variable that is not set is an error with its line and name, unless something is to stand in its place")
def _():
    os.environ.pop("NO_SUCH_VAR", None)
    os.environ["CHASQUI_EMPTY"] = ""
    with folder() as path:
        for line in ('peer B { password = "${NO_SUCH_VAR}" }', "peer B { password = ${NO_SUCH_VAR} }", 'store = "${NO_SUCH_VAR}/store"',
                     'catch-all = "${NO_SUCH_VAR}"', 'peer "${NO_SUCH_VAR}" { }', 'node = "a${NO_SUCH_VAR}b"'):
            write(f"{path}/main.conf", HEAD.replace('store = "/tmp/chasqui-nowhere"', "# a line") + line + "\nlog-level = loud\n")
            status, said, _ = examine(f"{path}/main.conf")
            equal(status, 1)
            first, second = said.splitlines()
            check("main.conf: line 5: the variable 'NO_SUCH_VAR' of the environment is not set" in first
                  and "${NO_SUCH_VAR:-otherwise}" in first, said)
            check("main.conf: line 6: " in second, said)
        for value, node in ("${NO_SUCH_VAR:-n1}", "n1"), ("'${NO_SUCH_VAR}'", None), ('"\\${NO_SUCH_VAR}"', None), ('"n2${CHASQUI_EMPTY}"', "n2"), ('"n3${NO_SUCH_VAR:-}"', "n3"):
            write(f"{path}/main.conf", HEAD + f"node = {value}\n")
            status, said, _ = examine(f"{path}/main.conf")
            equal(status, 0 if node else 1)
            check("variable" not in said, said)
        write(f"{path}/main.conf", HEAD + 'node = "${NO_SUCH_VAR"\nlog-level = loud\nlimits { }\n')
        said = examine(f"{path}/main.conf")[1]
        check("line 5: '${' begins a variable" in said and "line 6: " in said, said)


@case("a store's place that is a URI of something else is refused, and not taken for a folder")
def _():
    with folder() as path:
        for place in "mysql://x/y", "postgres:/x", "file:/srv/store":
            write(f"{path}/main.conf", HEAD.replace("/tmp/chasqui-nowhere", place))
            status, said, _ = examine(f"{path}/main.conf")
            check(status == 1 and f"line 4: store: '{place}' is no place of a store" in said and "postgresql://" in said, said)
            for places in (f"{path}/from", place), (place, f"{path}/to"):
                done = subprocess.run([program("mhs"), "store", "move", *places], capture_output=True, text=True, timeout=60)
                check(done.returncode == 2 and f"'{place}' is no place of a store" in done.stderr, done.stderr)
        write(f"{path}/main.conf", HEAD.replace("/tmp/chasqui-nowhere", f"{path}/a:/b"))
        check("no place" not in examine(f"{path}/main.conf")[1])


@case("its cost grows with its length, not with the square of it")
def _():
    with folder() as path:
        seconds = {}
        for count in (3000, 24000):
            write(f"{path}/main.conf", HEAD + f'socket = "{path}/sock"\n' + "".join(
                f'user "/C=GB/A=GOLD/P=ALPHA/S=u{number}" {{ max-length = {number} }}\n' for number in range(count)))
            status, said, seconds[count] = examine(f"{path}/main.conf")
            equal((status, said), (0, ""))
        tap.note(f"processor's seconds: {seconds}")
        # Eight times as long: 8 if linear, 64 if quadratic.
        check(seconds[24000] < 24 * max(seconds[3000], 0.02), seconds)


@case("a reload tells each change, shows no secret, and what is wrong changes nothing")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta", peer={"BETA": peer_section(1, password="first"), "GAMMA": peer_section(1)})
        with mta:
            mta.configure(peer={"BETA": peer_section(1, password="second", idle=7), "DELTA": peer_section(1)}, node="other",
                          log_level="debug")
            mta.reload()
            wait_until(lambda: "was reread" in mta.log() and "configuration reloaded" in mta.log())
            for words in ('peer "BETA": password has changed', 'peer "BETA": idle = 7, was 60', 'peer "GAMMA": it is gone',
                          'peer "DELTA": it is new', 'log-level = "debug", was "info"',
                          'reload: node = "other", was "a": that takes effect when the daemon is restarted'):
                check(words in mta.log(), (words, mta.log_tail()))
            check("first" not in mta.log() and "second" not in mta.log(), mta.log_tail())
            with open(mta.path, "a") as file:
                file.write('node = again\npeer BETA { iddle = 3 }\n')
            mta.reload()
            wait_until(lambda: "node appears twice" in mta.log() and "mean 'idle'" in mta.log())
            equal(mta.request("status")["state"], "serving")


@case("a reload that is asked for while the daemon starts is made when it serves")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta")
        whole = mta.path + ".whole"
        os.rename(mta.path, whole)
        os.mkfifo(mta.path)             # it waits there for its configuration
        mta.start(wait=False)
        with open(mta.path, "w") as file, open(whole) as text:
            mta.reload()
            os.rename(whole, mta.path)
            file.write(text.read())
        try:
            mta.wait_ready()
            wait_until(lambda: "was reread" in mta.log(), what="a reload")
        finally:
            mta.kill()


def refusal(mta, operation, **members):
    """The code of the error that answers."""
    try:
        mta.request(operation, **members)
    except local.Failed as failed:
        return failed.code
    return None


def as_nobody(ask):
    """What `ask` returns, a text, to another user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            os.write(writing, str(ask()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as said:
        answer = said.read()
    os.waitpid(child, 0)
    return answer


def ask(mta, *arguments, status=0):
    done = mta.mhs("--json", *arguments, check=False)
    equal(done.returncode, status, f"{arguments} {done.stdout} {done.stderr}")
    return json.loads(done.stdout)


@case("a folder of the socket that is there, and not the user's to write, is not to be made")
def _():
    with folder() as path:
        os.mkdir(f"{path}/others", 0o755)
        os.chmod(path, 0o755)
        write(f"{path}/main.conf", HEAD + f'socket = "{path}/others/sock"\n', 0o644)
        if os.geteuid() == 0:
            done = subprocess.run([program("mhsd"), "-t", "-c", f"{path}/main.conf"], capture_output=True, text=True, check=False, user=65534)
            check("can't be served: Permission denied; start the daemon as a user who may write its folder" in done.stderr, done)
            check("mkdir" not in done.stderr, done)


@case("a byte order mark, UTF-16 and NUL are told as what they are, with the line, in an included file too")
def _():
    text = (HEAD + 'nod = a\n').encode()
    cases = ((b"\xef\xbb\xbf" + text, 1, "begins with a byte order mark (U+FEFF): save it as UTF-8 without one"),
             (text.decode().encode("utf-16"), 1, "is in UTF-16: save it as UTF-8, without a byte order mark"),
             (text[:-3] + b"\0" + text[-3:], 5, "has an octet of 0 (NUL) in line 5, which no text has"))
    with folder() as path:
        write(f"{path}/outer.conf", HEAD + 'include("inner.conf")\nroute "/C=FR" { next-hop BETA { } }\n')
        for octets, line, said in cases:
            for name in "main.conf", "inner.conf":
                with open(f"{path}/{name}", "wb") as file:
                    file.write(octets)
            equal(examine(f"{path}/main.conf")[:2], (1, f"mhsd: {path}/main.conf: line {line}: the file {said}\n"))
            equal(examine(f"{path}/outer.conf")[:2], (1, f"mhsd: {path}/outer.conf: line 5: the file '{path}/inner.conf' {said}\n"))


@case("a title or a text that is no UTF-8 is refused with its line; a password may be octets, and a cut title stays text")
def _():
    with folder() as path:
        head = HEAD.replace('store = "/tmp/chasqui-nowhere"\n', f'store = "{path}/store"\nsocket = "{path}/sock"\n').encode()
        peer = b'peer "%s" {\n  mta-name = "%s"\n  password = "%s"\n}\nroute "/C=FR/O=%s" { next-hop "%s" { } }\n'
        for values, said in (((b"M\xfcnchen", b"BETA", b"x", b"a", b"BETA"), ('line 6: peer "M?nchen": it is no UTF-8: save the file as UTF-8',)),
                             ((b"BETA", b"B\xfc", b"x", b"a", b"BETA"), ('line 7: peer "BETA": mta-name: it is no UTF-8: save the file as UTF-8',)),
                             ((b"BETA", b"BETA", b"x", b"\\xfc", b"\xfcETA"), ('line 10: route "/C=FR/O=?": it is no UTF-8', 'line 10: next-hop "?ETA": it is no UTF-8'))):
            with open(f"{path}/main.conf", "wb") as file:
                file.write(head + peer % values)
            status, told = examine(f"{path}/main.conf")[:2]
            equal(status, 1)
            for line in said:
                check(f"mhsd: {path}/main.conf: {line}" in told, told)
        long = b"a" + "ü".encode() * 31
        mta = Mhsd(path)
        with open(mta.path, "ab") as file:
            file.write(peer % (b"BETA", b"BETA", b"p\xfc", b"a", b"BETA") + peer % (long, b"GAMMA", b"", b"b", long))
        with mta:
            warnings = ask(mta, "reload")["warnings"]
            check(any("ü?" in warning for warning in warnings), warnings)


@case("what can't do what it says is warned of: rings of alternates, waits over lifetimes, listeners that are none")
def _():
    ring = [f"{OURS}/S={name}" for name in ("ann", "ben", "cem", "dan", "eve")]

    def redirected(at, to, more=""):
        return f'user "{ring[at]}" {{ redirection {{\n  alternate = "{ring[to]}" {more}}} }}\n'
    with folder() as path:
        store = f'store = "{path}/store"\nsocket = "{path}/sock"\n'
        head = HEAD.replace('store = "/tmp/chasqui-nowhere"\n', store)
        text = head + "".join((
            redirected(0, 1), redirected(1, 2).replace("S=cem", "s = CEM"), redirected(2, 0),    # lines 7, 9, 11
            redirected(3, 0),                       # leads into a ring, and is not of it
            redirected(4, 4, "priorities = { urgent } "),                                       # some of the mail alone
            'schedule normal {\n  first-retry = 3600\n  longest-retry = 7200\n  expiry = 1800\n}\n',
            'schedule urgent {\n  first-retry = 3600\n}\n',
            'listen = { "Internet=192.0.2.1+10999", "Internet=nowhere.invalid+10999", "Internet=127.0.0.1+10999" }\n'))
        write(f"{path}/main.conf", text)
        status, said, _ = examine(f"{path}/main.conf")
        lines = [line.removeprefix(f"mhsd: warning: {path}/main.conf: line ") for line in said.splitlines()]
        expected = [(7 + 2 * n, f'user "{ring[n]}": alternate', "in a ring") for n in range(3)]
        expected += [(17, 'schedule "normal": first-retry', "`expiry` is 1800 s"), (22, 'schedule "urgent": first-retry', "(900 s), which holds"),
                     (24, "cannot listen at 192.0.2.1 port 10999", "no address of this machine"),
                     (24, "cannot listen at 'nowhere.invalid'", "look up")]
        equal((status, len(lines)), (0, len(expected)), said)
        for line, (number, what, why) in zip(lines, expected):
            check(line.startswith(f"{number}: ") and what in line and why in line, (line, number, what, why))
        write(f"{path}/main.conf", head + f'alias "{OURS}/S=x" {{ target = "{OURS}/S=Y" }}\nalias "{OURS}/S=y" {{ target = "{ring[0]}" }}\n' +
              f'alias "{OURS}/S=z" {{ target = "{OURS}/S=x" }}\n' + redirected(0, 1).replace("S=ben", "S=X"))
        status, said, _ = examine(f"{path}/main.conf")
        lines = [line.removeprefix(f"mhsd: warning: {path}/main.conf: line ") for line in said.splitlines()]
        equal((status, sorted(line.split(": it leads")[0] for line in lines if "in a ring" in line)),
              (0, [f'10: user "{ring[0]}": alternate', f'6: alias "{OURS}/S=x": target', f'7: alias "{OURS}/S=y": target']), said)
        write(f"{path}/main.conf", head + "listen = { }\n")
        equal(examine(f"{path}/main.conf")[:2], (0, f"mhsd: warning: {path}/main.conf: line 6: listen: it is empty: nobody can call\n"))


@case("what is wrong with store and socket is told with their lines")
def _():
    with folder() as path:
        write(f"{path}/main.conf", HEAD.replace("/tmp/chasqui-nowhere", "/nix/da/store") + 'socket = "/nix/da/sock"\n')
        status, said, _ = examine(f"{path}/main.conf")
        equal(status, 1)
        for number, what in (5, "socket: /nix/da/sock can't be served"), (4, "store: the folder /nix/da/store can't be made"):
            check(any(line.startswith(f"mhsd: {path}/main.conf: line {number}: {what}") for line in said.splitlines()), said)


@case("what waits for a restart and would keep the daemon from starting is said by a reload and config diff, not by the next start")
def _():
    with folder() as path, Mhsd(path) as mta:
        one = f"Internet={mta.host}+{mta.port}"
        mta.configure(listen=[one, '"P2"/' + one])
        for command in ["config", "diff"], ["reload"]:
            error = ask(mta, *command, status=1)["error"]
            equal(error["code"], "bad-configuration")
            check(any(re.search(r"conf: line \d+: listen: .* take the same calls", line) for line in error["complaints"]), error)
        check("the configuration was not reloaded: " in mta.log(), mta.log_tail())
        mta.configure(listen=[one], socket="/nix/da/mhsd.sock", store="/nix/da/store")
        for command, status in (["config", "diff"], 1), (["reload"], 0):
            warnings = ask(mta, *command, status=status)["warnings"]
            for what in "socket: /nix/da/mhsd.sock can't be served", "store: the folder /nix/da/store can't be made":
                check(any(re.match(rf"{mta.path}: line \d+: the next start would be refused: {what}", line) for line in warnings), warnings)
        file = f"{path}/file"
        write(file, "mine")
        no_server = f"postgresql://nobody@/x?host={path}/nowhere"
        wrong = [({"socket": file}, "would be refused: socket: .* is not a socket"),
                 ({"socket": f"{file}/x"}, "would be refused: socket: .* is no folder"),
                 ({"store": file}, "would be refused: store: .* is a file, and no folder"),
                 ({"store": "/proc/x"}, "would be refused: store: the folder /proc/x can't be made"),
                 ({"store": f"{path}/other", "create_store": False}, "would be refused: .*there is no store"),
                 ({"store": no_server}, "could not serve: .*nowhere")]
        if os.geteuid() == 0:
            wrong.append(({"run_as": "nobody"}, "would be refused: nobody can't read and write"))
        for options, what in wrong:
            mta.configure(**{"socket": mta.socket_path, "store": mta.store, "create_store": True, "run_as": "", **options})
            for command, status in (["config", "diff"], 1), (["reload"], 0):
                warnings = ask(mta, *command, status=status)["warnings"]
                equal([bool(re.search(f"start {what}", line)) for line in warnings], [True], f"{options} {warnings}")
            equal(examine(mta.path)[0], 1, str(options))
        equal(mta.request("status")["state"], "serving")
        mta.configure(socket=mta.socket_path, store=mta.store, net_processes=2, run_as="", create_store=True)
        equal(ask(mta, "reload")["warnings"], [], "the others are right")


@case("mhs reload returns when all processes have it, and says what has changed, what waits, and what is wrong where")
def _():
    with folder() as path, Mhsd(path, peer={"BETA": peer_section(1, password="old secret")}) as mta:
        equal(ask(mta, "reload"), {"changes": [], "warnings": []})
        equal(mta.mhs("reload").stdout, "nothing has changed\n")
        for number in range(20):        # what the processes do follows at once
            user = f"/C=GB/A=GOLD/P=ALPHA/S=u{number}"
            mta.configure(user={user: {}})
            changes = ask(mta, "reload")["changes"]
            check({"text": f'user "{user}": it is new', "restart": False} in changes, changes)
            equal([box["mailbox"] for box in mta.request("mailboxes")["mailboxes"]], [user])
        mta.configure(net_processes=2, peer={"BETA": peer_section(1, password="new secret", idle=77)})
        expected = ['peer "BETA": password has changed', 'peer "BETA": idle = 77, was 60']
        for command, status, waiting, others in ((["config", "diff"], 1, "net-processes = 2, was 1", expected),
                                                 (["reload"], 0, "net-processes = 2, was 1", expected),
                                                 (["config", "diff"], 1, "net-processes = 2, was 1", [])):
            changes = ask(mta, *command, status=status)["changes"]
            check({"text": waiting, "restart": True} in changes, changes)
            check("secret" not in str(changes), changes)
            equal(sorted(c["text"] for c in changes if not c["restart"]), sorted(others))
        with open(mta.path, "a") as file:
            file.write('lisen = { "x" }\nlog-level = shouting\n')
        for command in ["reload"], ["config", "diff"]:
            error = ask(mta, *command, status=1)["error"]
            equal(error["code"], "bad-configuration")
            check(any("mean 'listen'" in line and f"{mta.path}: line " in line for line in error["complaints"]), error)
            check(any("log-level" in line for line in error["complaints"]), error)
            said = mta.mhs(*command, check=False).stderr
            check("mean 'listen'" in said and "log-level" in said, said)
        equal(mta.request("status")["state"], "serving")


@case("reload and config diff answer with the warnings that the log has, however many there are")
def _():
    def silent(permanent):
        return {"mta-name": "BETA", "permanent": permanent, "password": "p", "our-password": "q"}
    with folder() as path, Mhsd(path, peer={"BETA": silent(False)}) as mta:
        mta.configure(peer={"BETA": silent(True), "GAMMA": silent(False)})
        for command, status in (["config", "diff"], 1), (["reload"], 0), (["config", "diff"], 0):
            warning, other = ask(mta, *command, status=status)["warnings"]
            check(f"{mta.path}: line " in warning and 'peer "BETA": permanent: there is no `address`' in warning, warning)
            check('peer "GAMMA": mta-name: its binds are taken for those' in other, other)
            lines = mta.mhs("--wide", *command, check=False).stdout.splitlines()
            check(f"warning: {warning}" in lines and f"warning: {other}" in lines, lines)
            lines = mta.mhs(*command, check=False).stdout.splitlines()
            check(max(map(len, lines)) <= 80 and warning.split() == " ".join(lines).partition("warning:")[2].split()[:len(warning.split())], lines)
        check(warning in mta.log() and other in mta.log())
        mta.configure(peer={f"P{number}": silent(True) | {"mta-name": f"P{number}"} for number in range(1000)})
        equal([len(set(ask(mta, *command, status=status)["warnings"])) for command, status in
               ((["config", "diff"], 1), (["reload"], 0))], [1000, 1000])
        mta.configure(peer={"BETA": silent(False)})
        equal(ask(mta, "reload")["warnings"], [])


@case("mhs config show says what holds, set or by default, and never a secret")
def _():
    with folder() as path, Mhsd(path, peer={"BETA": peer_section(1, password="hush", our_password="hush")}) as mta:
        options = ask(mta, "config", "show")["options"]
        value = {(o["section"], o["option"]): (o["value"], o["set"]) for o in options}
        equal(value[None, "mta-name"], ("ALPHA-MTA", True))
        equal(value["timers", "resume"], (259200, False))
        equal([value['peer "BETA"', name] for name in ("permanent", "address", "edition")],
              [(False, False), (["Internet=127.0.0.1+1"], True), ("1988", False)])
        equal({type(o["value"]) for o in options}, {str, int, bool, list, type(None)})
        check(all(o["value"] != [] or o["text"] == "{}" for o in options), "lists are as they stand in a file")
        check('mta-name = "ALPHA-MTA"' in mta.mhs("config", "show").stdout, "people see it as in a file")
        equal(value['peer "BETA"', "password"], (None, True))
        check("hush" not in str(options) and "hush" not in mta.mhs("config", "show").stdout)
        equal({o["section"] for o in ask(mta, "config", "show", "BETA", "limits")["options"]}, {'peer "BETA"', "limits"})
        equal([o["value"] for o in ask(mta, "config", "show", "socket")["options"]], [mta.socket_path])
        one = mta.request("config-show", sections=["peer"])
        equal(mta.request("config-show", sections=["peer", "BETA"] * 3000), one, "each once, however often it is asked for")
        check("there is no option or section 'nonsense'" in mta.mhs("config", "show", "nonsense", check=False).stderr)
        check("; did you mean 'limits'?" in mta.mhs("config", "show", "limtis", check=False).stderr)
        for operation, members in ("config-show", {"sections": 7}), ("config-show", {"sections": [7]}), ("reload", {"sections": []}), ("config-diff", {"x": 1}):
            equal(refusal(mta, operation, **members), "bad-request")


@case("mhs config show of a kind and a title shows that one section, with what is in it")
def _():
    route = {"next-hop": {"GAMMA": {}}}
    with folder() as path, Mhsd(path, peer={"BETA": peer_section(1, password="hush"), "GAMMA": peer_section(2)},
                                route={"/C=DE": route, "/C=FR": route}) as mta:
        def sections(*names):
            return {o["section"] for o in ask(mta, "config", "show", *names)["options"]}
        beta, gamma = 'peer "BETA"', 'peer "GAMMA"'
        equal([sections(*names) for names in (["peer", "BETA"], ["BETA"], ["peer"], ["peer", "limits"], ["limits", "peer", "GAMMA"],
                                              ["peer", "BETA", "GAMMA"], ["peer", "BETA", "peer"], ["peer", "peer", "BETA"])],
              [{beta}, {beta}, {beta, gamma}, {beta, gamma, "limits"}, {gamma, "limits"},
               {beta, gamma}, {beta, gamma}, {beta, gamma}])
        equal(ask(mta, "config", "show", "peer", "BETA", "mta-name")["options"],
              ask(mta, "config", "show", "mta-name", "BETA", "peer", "BETA")["options"])
        check(all(name.startswith('route "/C=DE"') for name in sections("route", "/C=DE")) and len(sections("route", "/C=DE")) == 2)
        shown = mta.mhs("config", "show", "peer", "BETA").stdout
        check("hush" not in shown and "password = (not shown)" in shown and "GAMMA" not in shown, shown)
        check("hush" not in str(ask(mta, "config", "show", "peer", "BETA")))
        error = ask(mta, "config", "show", "peer", "ELSEWHERE", status=1)["error"]
        equal((error["code"], error["text"]), ("not-found", "there is no peer 'ELSEWHERE' in the configuration; 'mhs config show peer' shows all"))
        equal(ask(mta, "config", "show", "peer", "BTEA", status=1)["error"]["text"], "there is no peer 'BTEA' in the configuration; did you mean 'BETA'?")
        check("there is no option or section 'DELTA'" in ask(mta, "config", "show", "limits", "DELTA", status=1)["error"]["text"])


@case("only operators may ask for the configuration")
def _():
    if os.geteuid() != 0:
        raise tap.Skip("needs root")
    with folder() as path, Mhsd(path) as mta:
        os.chmod(path, 0o755)
        for operation in "reload", "config-show", "config-diff":
            equal(as_nobody(lambda: refusal(mta, operation)), "not-permitted")


tap.main()
