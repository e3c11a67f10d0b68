#!/usr/bin/python3
"""Users made and changed by operators, many at a time too, and the shells' completion of all commands."""
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile

from players import FAY, HOME, LARGE, Unharmed, folder, hostile_stage, open_way      # it makes packages importable
from peer import tap
from scenario.chasqui import Mhsd, program

case, check, equal = tap.case, tap.check, tap.equal


def waiting(mta, count):
    entries = mta.request("queue-list")["entries"]
    return len(entries) == count and entries


def users(mta):
    return {user["address"]: user for user in json.loads(mta.mhs("--json", "user", "list").stdout)["users"]}


@case("many users in one go: with one line wrong none is there, and each wrong line is told; else all are, after a restart too")
def _():
    with folder() as path, hostile_stage(path, user={}) as stage:
        mta = stage.mta
        with Unharmed(stage) as unharmed:
            names = [f"{HOME}/S=user{number}" for number in range(200)]
            right = "# the first department\n\n" + "".join(
                f"{name}\t{number + 1000}\tCN=user{number},C=GB\n" if number % 2 else f"{name}\n"
                for number, name in enumerate(names))

            def add(text):
                with open(f"{path}/users", "w") as file:
                    file.write(text)
                return mta.mhs("--json", "user", "add", "--file", f"{path}/users", check=False)
            done = add(f"{right}{names[7]}\n{HOME}/S=x\tmany\n/C=FR/A=ELSE/S=y\n{HOME}/S=z\t1\tCN=z\tmore\n/PN=/\n")
            equal(done.returncode, 1)
            for line in 203, 204, 205, 206, 207:
                check(f"users: line {line}: " in done.stderr, (line, done.stderr))
            check("users: line 204: 'many' is neither a user's number nor the name of a user" in done.stderr, done.stderr)
            check("users: line 203: the same user stands in line 10 already" in done.stderr and f"our domain is {HOME}" in done.stderr, done.stderr)
            said = json.loads(done.stdout)
            equal(said["error"], {"code": "bad-request", "text": "none added: 5 lines are wrong"})
            equal((said["changed"], [wrong["line"] for wrong in said["wrong"]]), (0, [203, 204, 205, 206, 207]), "in the order of lines")
            equal(re.findall(r"users: line (\d+): ", done.stderr), ["203", "204", "205", "206", "207"])
            unharmed.served("a-file-that-is-wrong")
            equal({wrong["line"]: wrong["code"] for wrong in said["wrong"]},
                  {203: "exists", 204: "bad-request", 205: "bad-request", 206: "bad-request", 207: "bad-request"})
            equal(users(mta), {})
            # Wrong for the daemon alone: twice in the file, each time told of the first.
            done = add(f"{right}{names[0]}\n{names[7].lower()}\n")
            equal((done.returncode, [(wrong["line"], wrong["text"]) for wrong in json.loads(done.stdout)["wrong"]]),
                  (1, [(203, "the same user stands in line 3 already"), (204, "the same user stands in line 10 already")]))
            equal(users(mta), {})
            mta.mhs("user", "add", names[3])
            done = add(right)
            equal((done.returncode, sorted(users(mta))), (1, [names[3]]))
            check(f"users: line 6: {names[3]} is a user already" in done.stderr, done.stderr)
            mta.mhs("user", "remove", names[3])
            done = add(right)
            equal((done.returncode, json.loads(done.stdout)), (0, {"changed": 200, "wrong": []}))
            found = users(mta)
            equal(sorted(found), sorted(names))
            equal((found[names[8]]["uid"], found[names[9]]["uid"], found[names[9]]["directory-name"]),
                  (None, 1009, "CN=user9,C=GB"))
            equal(mta.request("route", address="DN:CN=user9,C=GB")["recipient"], names[9])
            equal(mta.mhs("user", "add", "--file", f"{path}/missing", check=False).returncode, 4)
            equal(mta.mhs("user", "add", "--file", f"{path}/users", names[0], check=False).returncode, 2)
            equal(mta.mhs("user", "add", "--file", f"{path}/users", "--uid", "7", check=False).returncode, 2)
            for wrong in "many", "-1", "99999999999999999999":
                done = mta.mhs("user", "add", "--uid", wrong, f"{HOME}/S=x", check=False)
                equal((done.returncode, f"'{wrong}' is neither a user's number nor" in done.stderr), (2, True), done.stderr)
            unharmed.served("all")
        equal(mta.stop(), 0)
        mta.start()
        equal(sorted(users(mta)), sorted(names))


@case("a file of users whose lines end in CR LF, and a space where a tab is meant")
def _():
    with folder() as path, hostile_stage(path, user={}) as stage:
        mta = stage.mta
        with open(f"{path}/users", "w", newline="") as file:
            file.write(f"{HOME}/S=one\r\n\r\n# two\r\n{HOME}/S=two\t7\tCN=two,C=GB\r\n{HOME}/S=three root\r\n{HOME}/S=four 4\t4\r\n")
        done = mta.mhs("--json", "user", "add", "--file", f"{path}/users", check=False)
        equal(done.returncode, 0, done.stderr)
        found = users(mta)
        equal(sorted(found), sorted(f"{HOME}/S={name}" for name in ("one", "two", "three root", "four 4")))
        equal(found[f"{HOME}/S=two"]["directory-name"], "CN=two,C=GB")
        warning, = json.loads(done.stdout)["warnings"]
        equal((warning["line"], "a tab meant" in warning["text"]), (5, True), warning)
        equal(done.stderr, f"mhs: warning: {path}/users: line 5: {warning['text']}\n")


@case("thousands of users are one transaction, whether they are added or not")
def _():
    with folder() as path, hostile_stage(path, user={}) as stage, Unharmed(stage, 2 * LARGE) as unharmed:
        mta = stage.mta
        text = "".join(f"{HOME}/O=department {number % 50}/S=user{number}\t{number + 1000}\n" for number in range(5000))

        def add(lines):
            before = mta.request("status")["store"]["commits"]
            done = mta.mhs("user", "add", "--file", "-", check=False, stdin=lines)
            return done, mta.request("status")["store"]["commits"] - before
        done, commits = add(f"{text}{HOME}/S=x\tno such login\n")
        equal((done.returncode, done.stdout), (1, "none added: 1 line is wrong\n"))
        equal(users(mta), {})
        check(commits < 5, commits)
        unharmed.served("thousands-in-vain")
        done, commits = add(text)
        equal((done.returncode, done.stdout), (0, "5000 added\n"))
        check(commits < 5, commits)
        equal(len(users(mta)), 5000)
        done, commits = add("".join(f"{HOME}/S=more{number}\n" for number in range(20001)))
        equal(done.returncode, 1)
        check("at most 20000 users" in done.stderr, done.stderr)
        equal(len(users(mta)), 5000)
        unharmed.served("too-many")


@case("what a client began to add and did not end is forgotten with it")
def _():
    with folder() as path, hostile_stage(path, user={}) as stage, Unharmed(stage) as unharmed:
        mta = stage.mta
        with mta.client() as client:
            equal(client.request("user-add", users=[{"address": f"{HOME}/S=a"}], more=True)["gathered"], 1)
        unharmed.served("a-client-that-went")
        with mta.client() as client:
            equal(client.request("user-add", users=[{"address": f"{HOME}/S=b"}])["changed"], 1)
            equal(client.request("user-add", users=[{"address": f"{HOME}/S=c", "quota": 1}])["wrong"][0]["user"], 0)
            equal(client.request("user-add", users=[{"address": f"{HOME}/S=c"}], count=True),
                  {"changed": 1, "wrong": []})
        equal(sorted(users(mta)), [f"{HOME}/S=b"])


@case("one user is shown and changed, by any spelling; what is not said stays, and the directory follows")
def _():
    with folder() as path, hostile_stage(path, user={f"{HOME}/S=fixed": {}}) as stage:
        mta = stage.mta
        with Unharmed(stage) as unharmed:
            mta.mhs("user", "add", "--uid", "1234", f"{HOME}/S=ann")
            spelled = "s=ANN;p=Alpha;a=gold;c=gb"

            def ann():
                user, = json.loads(mta.mhs("--json", "user", "show", spelled).stdout)["users"]
                return user["address"], user["uid"], user["directory-name"]

            def known(name):
                return "S=ann" in str(mta.request("route", address=f"DN:{name}"))
            equal(ann(), (f"{HOME}/S=ann", 1234, None))
            mta.mhs("user", "set", "--directory-name", "CN=Ann,C=GB", spelled)
            equal(ann(), (f"{HOME}/S=ann", 1234, "CN=Ann,C=GB"))
            check(known("CN=Ann,C=GB"))
            mta.mhs("user", "set", "--uid", "none", "--directory-name", "CN=Anna,C=GB", spelled)
            equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))
            check(known("CN=Anna,C=GB") and not known("CN=Ann,C=GB"))
            mta.mhs("user", "set", "--uid", "nobody", spelled)
            nobody = pwd.getpwnam("nobody").pw_uid
            equal(ann()[1], nobody, "JSON has the number")
            check(f"nobody ({nobody})" in mta.mhs("user", "show", spelled).stdout, "people see the name")
            mta.mhs("user", "add", "--file", "-", stdin=f"{HOME}/S=by login\tnobody\n")
            equal(users(mta)[f"{HOME}/S=by login"]["uid"], nobody)
            done = mta.mhs("user", "set", "--uid", "no such login", spelled, check=False)
            equal((done.returncode, "is neither a user" in done.stderr), (2, True), done.stderr)
            equal(ann()[1], nobody)
            mta.mhs("user", "set", "--uid", "none", spelled)
            for arguments, text in ((["--directory-name", "rubbish", spelled], "bad-request"),
                                    (["--uid", "7", f"{HOME}/S=nobody"], "is not a user here"),
                                    (["--uid", "7", f"{HOME}/S=fixed"], "configuration file")):
                done = mta.mhs("user", "set", *arguments, check=False)
                equal(done.returncode, 1)
                check(text in done.stderr, done.stderr)
            equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))
            equal(mta.mhs("user", "show", f"{HOME}/S=nobody", check=False).returncode, 1)
            unharmed.served("changes")
        equal(mta.stop(), 0)
        mta.start()
        equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))


@case("a list of users fits 80 columns, and their addresses tell them apart; all that JSON has of one is shown as text")
def _():
    common = f"{HOME}/O=Widgets/OU1=second department"
    ada, eva = f"{common}/S=Jones/G=Ada", f"{common}/S=Jones/G=Ada/I=E"
    with folder() as path, hostile_stage(path, user={ada: {"login": "daemon"}}, limits={"mailbox-octets": 5_000_000}) as stage:
        mta = stage.mta
        mta.mhs("user", "add", "--uid", "1000", "--directory-name", "CN=Eva Jones of the second department,O=Widgets,C=GB", eva)
        mta.mhs("user", "add", f"{HOME}/S=Short")
        mta.mhs("send", "--from", eva, "--to", ada, "--text", "x")
        tap.wait_until(lambda: mta.request("mailbox-list", mailbox=ada)["entries"])
        lines = mta.mhs("user", "list", environment={"COLUMNS": "80"}).stdout.splitlines()
        check(all(len(line) <= 80 for line in lines), lines)
        for address in ada, eva, f"{HOME}/S=Short":
            check(any(line.split(" ")[0] == address or line == address for line in lines), (address, lines))
        check("    CN=Eva Jones of the second department,O=Widgets,C=GB" in lines, lines)
        wide = mta.mhs("--wide", "user", "list").stdout.splitlines()
        equal((len(wide), [line for line in wide if eva in line][0].split()[-1]), (4, "department,O=Widgets,C=GB"))
        shown = dict(re.findall(r"^(.+?): +(.*)$", mta.mhs("user", "show", ada).stdout, re.M))
        user, = json.loads(mta.mhs("--json", "user", "show", ada).stdout)["users"]
        for member in "entries", "unseen", "octets", "quota":
            equal(shown[member], str(user[member]))
        equal((shown["address"], shown["registered"], shown["in configuration"]), (ada, "nothing", "yes"))
        check(user["entries"] == 1 and user["octets"] > 0 and user["quota"] == 5_000_000, user)


@case("a user is shown his own settings, with no address too, and nothing of others, not even whether they are there")
def _():
    ann, ben = f"{HOME}/S=ann", f"{HOME}/S=ben"
    with folder() as path, hostile_stage(path, user={ann: {"login": "games"}, ben: {}}) as stage:
        open_way(stage.mta)

        def ask(*arguments):
            environment = {**os.environ, "CHASQUI_SOCKET": stage.mta.socket_path, "CHASQUI_USER": ann}
            return subprocess.run([program("mhs"), *arguments], env=environment, capture_output=True, text=True, user="games", group="games", extra_groups=[])
        for words in (), (ann,), ("S=ANN;P=alpha;A=gold;C=gb",):
            user, = json.loads(ask("--json", "user", "show", *words).stdout)["users"]
            equal((user["address"], user["uid"]), (ann, pwd.getpwnam("games").pw_uid))
        refused = {ask("user", "show", address).stderr for address in (ben, f"{HOME}/S=nobody")}
        check(len(refused) == 1 and "'mhs user show' shows your own" in refused.pop(), refused)
        done = ask("user", "list")
        equal((done.returncode, "not-permitted" in done.stderr), (1, True), done.stderr)
        equal(json.loads(stage.mta.mhs("--json", "user", "show", environment={"CHASQUI_USER": ben}).stdout)["users"][0]["address"], ben)


@case("a user of the configuration who loses what he was given by hand is warned of by -t, start, reload and config diff")
def _():
    ann, ben, eva, zoe = (f"{HOME}/S={name}" for name in ("ann", "ben", "eva", "zoe"))
    with folder() as path, hostile_stage(path, user={}) as stage:
        mta = stage.mta

        def tested():
            done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True, timeout=60)
            equal(done.returncode, 0, done.stderr)
            return [line.removeprefix("mhsd: warning: ") for line in done.stderr.splitlines() if ": user " in line]
        with Unharmed(stage) as unharmed:
            mta.mhs("user", "add", "--uid", "1", "--directory-name", "CN=Ann,C=GB", ann)
            mta.mhs("user", "add", "--uid", "2", ben)
            mta.mhs("user", "add", "--uid", "1", zoe)
            mta.mhs("user", "add", eva)
            # Spelled anew; Ben and Eva lose nothing.
            spelled = "S=ANN; P=alpha; A=GOLD; C=GB"
            mta.configure(user={zoe: {"login": "daemon"}, spelled: {}, ben: {"login": "bin"}, eva: {}})
            lines = {number: line for number, line in enumerate(open(mta.path).read().splitlines(), 1)}
            number, = [number for number, line in lines.items() if spelled in line]
            warning, = tested()
            equal(json.loads(mta.mhs("--json", "config", "diff", check=False).stdout)["warnings"], [warning])
            said = json.loads(mta.mhs("--json", "reload").stdout)["warnings"]
            equal(said, [warning])
            check(warning.startswith(f'{mta.path}: line {number}: user "{spelled}": login: none is given here'), warning)
            check("uid 1 " in warning and "login = " in warning and 'directory-name = "CN=Ann,C=GB"' in warning, warning)
            check(warning in mta.log(), mta.log_tail())
            equal("".join(mta.mhs("reload").stdout.split()), "nothinghaschangedwarning:" + "".join(warning.split()))   # broken into lines
            mta.configure(user={spelled: {"login": "daemon", "directory-name": "CN=Ann,C=GB"}})
            back = json.loads(mta.mhs("--json", "reload").stdout)["warnings"]
            equal([[f'user "{user}": it is gone' in line and "is back" in line for user in (ben, eva, zoe)].index(True) for line in back],
                  [0, 1, 2])
            equal(tested(), [])
            unharmed.served("reloads")
            mta.configure(user={spelled: {}})
        equal(mta.stop(), 0)
        equal(len(tested()), 1)             # where no daemon runs
        mta.start()
        check(f'user "{spelled}": login: none is given here' in mta.log(), mta.log_tail())


@case("who is taken out of the configuration and has mail is warned of, with how much, by -t, config diff, reload and start")
def _():
    ann, ben, eva = (f"{HOME}/S={name}" for name in ("ann", "ben", "Eva"))
    with folder() as path, hostile_stage(path, user={ann: {}, ben: {}, eva: {}}) as stage:
        mta = stage.mta

        def tested():
            done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True, timeout=60)
            equal(done.returncode, 0, done.stderr)
            return [line.removeprefix("mhsd: warning: ") for line in done.stderr.splitlines() if "his mailbox has" in line]

        def mailbox(user, count):
            entries = mta.request("mailbox-list", mailbox=user)["entries"]
            return len(entries) == count and entries
        for subject in "one", "two":
            mta.mhs("send", "--from", ann, "--to", eva, "--subject", subject, "--text", "x")
        tap.wait_until(lambda: mailbox(eva, 2))
        mta.configure(user={ann: {}})       # Ben has nothing
        warning, = tested()
        key = re.search('user "(.*?)": (.*)', warning)
        equal(key[1], eva, "as who wrote to him spelled it")
        check(key[2].startswith("his mailbox has 2 entries, and there is no such user: "), warning)
        equal(json.loads(mta.mhs("--json", "config", "diff", check=False).stdout)["warnings"], [warning])
        equal(json.loads(mta.mhs("--json", "reload").stdout)["warnings"], [warning])
        check(warning in mta.log(), mta.log_tail())
        equal(mta.stop(), 0)
        mta.start()
        check(f'warning: user "{key[1]}": {key[2]}' in mta.log(), mta.log_tail())
        mta.mhs("user", "add", key[1])      # as it says
        equal((tested(), json.loads(mta.mhs("--json", "reload").stdout)["warnings"]), ([], []))
        entries = tap.wait_until(lambda: mailbox(eva, 2))
        mta.mhs("delete", "--user", eva, str(entries[0]["entry"]))
        refused = mta.mhs("user", "remove", eva, check=False)
        check(refused.returncode == 1 and "the mailbox has 1 entry: read and delete them" in refused.stderr, refused)
        mta.mhs("user", "remove", "--discard", eva)
        equal(tested(), [])
        check(f"the mailbox of {key[1]} is removed by uid {os.getuid()}, with 1 entry: no originator hears of that" in mta.log(), mta.log_tail())
        history, = json.loads(mta.mhs("--json", "track", entries[1]["mts-identifier"]).stdout)["messages"]
        gone, = [event for event in history["events"] if event["event"] == "removed-with-user"]
        equal(gone["detail"], f"uid {os.getuid()}: the mailbox of {key[1]} was removed")


@case("an alias or a list that takes the address of a user who was added by hand is warned of by a test, a reload, config diff and a start")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta", user={f"{HOME}/S=postmaster": {}})
        ada = f"{HOME}/S=ada"

        def tested():
            done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True, timeout=60)
            return done.returncode, [line.removeprefix("mhsd: warning: ") for line in done.stderr.splitlines()]
        with mta:
            mta.mhs("user", "add", ada)
            for kind, section in ("alias", {ada: {"target": f"{HOME}/S=postmaster"}}), ("list", {ada: {"members": [f"{HOME}/S=postmaster"]}}):
                mta.settings.pop("alias", None)
                mta.configure(**{kind: section})
                diff = mta.mhs("--json", "config", "diff", check=False)
                warned, = json.loads(diff.stdout)["warnings"]
                article = "an alias" if kind == "alias" else "a list"
                check(re.search(rf"conf: line \d+: {kind} \"{ada}\": 'mhs user add' gave a user this address, and he gets no messages any more: "
                                rf".*{article} has this address already: .*S=ada; take that out, or remove the user$", warned), warned)
                equal(json.loads(mta.mhs("--json", "reload").stdout)["warnings"], [warned])
                equal(tested(), (0, [warned]))
        with mta:
            check("warning: user \"" in mta.log() and "gave a user this address" in mta.log(), mta.log_tail())
            mta.settings.pop("list")
            mta.configure()
            equal(json.loads(mta.mhs("--json", "reload").stdout)["warnings"], [])


@case("an address that can't be listened at is said with the option and the remedy")
def _():
    with folder() as path:
        for address, cause, remedy in (("192.0.2.1", "Cannot assign requested address", "ip address tells"),
                                       ("no-host.invalid", "no-host.invalid", "a host that it can look up")):
            mta = Mhsd(path)
            mta.configure(listen=[f"Internet={address}+{mta.port}"])
            done = subprocess.run([program("mhsd"), "-c", mta.path], capture_output=True, text=True, timeout=60)
            equal(done.returncode, 1)
            line, = [line for line in done.stderr.splitlines() if "cannot listen at" in line]
            check(cause in line and "'listen'" in line and remedy in line and str(mta.port) in line, line)


@case("an address that is in use is said with the option and the remedy")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        mta = stage.mta
        for other, text in ((Mhsd(f"{path}/two", port=mta.port), f"port {mta.port}"), (Mhsd(f"{path}/three"), mta.socket_path)):
            if text == mta.socket_path:
                other.configure(socket=mta.socket_path)
            done = subprocess.run([program("mhsd"), "-c", other.path], capture_output=True, text=True, timeout=60)
            equal(done.returncode, 1)
            line, = [line for line in done.stderr.splitlines() if text in line]
            check("end it, or" in line and ("'listen'" in line or "'socket'" in line), line)
            unharmed.served("second-at-the-" + ("socket" if text == mta.socket_path else "port"))


def bash_words(line):
    """The words of a line as readline parts them: at spaces, and at '=' and ':', which are words of their own."""
    words = [word for part in line.split(" ") for word in re.findall(r"[=:]|[^=:]+", part) or [""]]
    return words


def completed(*words, environment=None):
    """What bash offers for the last of the words of a line, whole or (where '=' parts it) its last part."""
    script = subprocess.run([program("mhs"), "completion", "bash"], capture_output=True, text=True, check=True).stdout
    line = " ".join([program("mhs") if words[0] == "mhs" else words[0], *words[1:]])
    parted = bash_words(line)
    quoted = " ".join(f"'{word}'" for word in parted)
    done = subprocess.run(["bash", "--norc", "-c", f"{script}\nCOMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({quoted}) COMP_CWORD={len(parted) - 1}\n"
                           '_mhs\nprintf "%s\\n" "${COMPREPLY[@]}"'],
                          capture_output=True, text=True, timeout=60, env={**os.environ, **(environment or {})})
    equal(done.stderr, "")
    return done.stdout.splitlines() if done.stdout != "\n" else []


@case("mhs(1) has every command, subcommand and option that the help shows")
def _():
    with open(os.path.join(os.environ["CHASQUI_SOURCE"], "man/mhs.1")) as file:
        manual = file.read()
    said = set(re.findall(r"-([a-z0-9][a-z0-9-]+)", manual))
    text = subprocess.run([program("mhs"), "--help"], capture_output=True, text=True).stdout
    for command in re.findall(r"^  ([a-z-]+) ", text, re.M):
        entry = re.search(rf"^\.It Cm {command}\b.*?(?=^\.It Cm |^\.El)", manual, re.M | re.S)
        check(entry or command == "help", command)
        text = subprocess.run([program("mhs"), command, "--help"], capture_output=True, text=True).stdout
        subcommands = re.findall(r"^  ([a-z-]+) ", text, re.M) if command != "help" else []
        for line in [[command, sub] for sub in subcommands] or [[command]]:
            text = subprocess.run([program("mhs"), *line, "--help"], capture_output=True, text=True).stdout
            equal(set(re.findall(r"^  (?:-.,|   ) --([a-z0-9-]+)", text, re.M)) - said, set(), " ".join(line))
            check(line[-1] in manual, line)


@case("bash completes every command, subcommand and option that the help shows; the script for zsh is sound")
def _():
    if not shutil.which("bash"):
        raise tap.Skip("bash is not installed")
    text = subprocess.run([program("mhs"), "--help"], capture_output=True, text=True).stdout
    commands = re.findall(r"^  ([a-z-]+) ", text, re.M)
    check(len(commands) > 18, commands)
    equal([word for word in completed("mhs", "") if word[0] != "-"], commands)
    for command in commands:
        if command == "help":
            continue
        text = subprocess.run([program("mhs"), command, "--help"], capture_output=True, text=True).stdout
        subcommands = re.findall(r"^  ([a-z-]+) ", text, re.M)
        if subcommands:
            equal([word for word in completed("mhs", command, "") if word[0] != "-"], subcommands, command)
        for line in [[command]] if not subcommands else [[command, sub] for sub in subcommands]:
            text = subprocess.run([program("mhs"), *line, "--help"], capture_output=True, text=True).stdout
            options = re.findall(r"^  (?:-.,|   ) (--[a-z0-9-]+)", text, re.M)
            check("--json" in options, (line, text))
            equal(completed("mhs", *line, "--"), options, " ".join(line))
    equal(completed("mhs", "--socket", "/x", "--json", "queue", "rel"), ["release"])
    equal(completed("mhs", "--socket=/x", "queue", "rel"), ["release"])     # bash parts words at '='
    equal(completed("mhs", "help", "queue", "rel"), ["release"])
    with tempfile.TemporaryDirectory() as path:         # a name is no pattern of files
        asked = os.path.join(path, "mhs")
        with open(asked, "w") as file:
            file.write("#!/bin/sh\necho '*'\necho 'ALPHA ONE'\n")
        os.chmod(asked, 0o755)
        equal(completed(asked, "peer", "show", ""), ["\\*", "ALPHA\\ ONE"])
    # Where a value or an operand stands, files are bash's to offer: nothing of ours is in their way.
    for line in ["mhs", "send", "--attach", ""], ["mhs", "--socket", ""], ["mhs", "--socket=/v"], ["mhs", "store", "check", ""]:
        equal(completed(*line), [], str(line))
    script = subprocess.run([program("mhs"), "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    check(script.startswith("#compdef mhs\n"), script[:100])
    equal(subprocess.run([program("mhs"), "completion", "fish"], capture_output=True).returncode, 2)


@case("bash completes the words that an option may be, peers' names, aliases, addresses and copies; nothing where no daemon tells them")
def _():
    if not shutil.which("bash"):
        raise tap.Skip("bash is not installed")
    states = ["ready", "deferred", "backing-off", "peer-disabled", "peer-removed", "user-removed", "unbound", "restricted", "held", "sending", "in-doubt"]
    with folder() as path, hostile_stage(path, user={f"{HOME}/S=ann": {}, f"{HOME}/O=Widgets Ltd/S=ben": {}}) as stage:
        os.makedirs(f"{path}/config/chasqui")
        with open(f"{path}/config/chasqui/aliases", "w") as file:
            file.write(f"annie = {HOME}/S=ann\n")
        here = {"CHASQUI_SOCKET": stage.mta.socket_path, "XDG_CONFIG_HOME": f"{path}/config"}
        gone = {"CHASQUI_SOCKET": f"{path}/nobody", "XDG_CONFIG_HOME": f"{path}/config"}
        lists = stage.mta.mhs("user", "list", environment=here).stdout.splitlines()
        check([line for line in lists if line.split()[0] == "annie"] and f"{HOME}/S=ann" not in str(lists), lists)
        check(f"{HOME}/S=ann" in stage.mta.mhs("user", "show", "annie", environment=here).stdout, "the whole address")
        peers = sorted(peer["peer"] for peer in stage.mta.request("peer-status")["peers"])
        check(len(peers) > 1, peers)
        equal(completed("mhs", "queue", "list", "--state", ""), states)
        equal(completed("mhs", "queue", "list", "--state=peer-"), ["peer-disabled", "peer-removed"])
        for word in states:
            stage.mta.mhs("queue", "list", "--state", word)
        equal(completed("mhs", "send", "--priority", "n"), ["normal", "non-urgent"])
        equal(completed("mhs", "receipt", "1", "--discarded", "ipm-d"), ["ipm-deleted"])
        for line in ["ping", ""], ["peer", "show", ""], ["queue", "hold", "--peer", ""], ["queue", "hold", "--peer="]:
            equal(sorted(completed("mhs", *line, environment=here)), peers, str(line))
            equal(completed("mhs", *line, environment=gone), [], str(line))
        equal(completed("mhs", "--socket", stage.mta.socket_path, "ping", peers[0][:2], environment=gone), [peers[0]])
        equal(sorted(completed("mhs", "send", "--to", "", environment=here)),
              sorted(["annie", f"{HOME}/S=ann", f"{HOME}/O=Widgets Ltd/S=ben".replace(" ", "\\ ")]))
        equal(completed("mhs", "list", "--user", f"{HOME}/S=a", environment=here), ["ann"], "bash keeps what is before the last '='")
        equal(completed("mhs", "list", f"--user={HOME}/O=W", environment=here), ["Widgets\\ Ltd/S=ben"])
        equal(completed("mhs", "send", "--to", "a", environment=gone), ["annie"])
        equal(completed("mhs", "ping", "--j", environment=here), ["--json"])
        stage.mta.mhs("peer", "disable", "FAR", "--reason", "a play")
        for _ in range(2):
            stage.mta.mhs("send", "--from", f"{HOME}/S=ann", "--to", FAY, "--text", "waits")
        copies = [str(entry["id"]) for entry in tap.wait_until(lambda: waiting(stage.mta, 2))]
        for line in ["queue", "show", ""], ["queue", "hold", "--reason", "why", ""], ["queue", "list", "--after", ""]:
            equal(completed("mhs", *line, environment=here), copies, str(line))
        equal(completed("mhs", "queue", "show", "", environment=gone), [])


# What zsh does for a completion, in place of its own functions: `compadd` tells what was offered and fits.
ZSH = """
compdef() { print -r -- compdef $@ }
_files() { print -r -- files }
compset() { words[CURRENT]=${words[CURRENT]#$2} }
compadd() { shift; local -a fit; fit=(${(M)@:#${words[CURRENT]}*}); (($#fit)) && print -rl -- $fit }
source $1
shift
words=("$@")
CURRENT=$#words
_mhs
"""


@case("zsh completes the same, from a folder of functions or by source")
def _():
    if not shutil.which("zsh"):
        raise tap.Skip("zsh is not installed")
    with folder() as path:
        with open(f"{path}/_mhs", "w") as file:
            subprocess.run([program("mhs"), "completion", "zsh"], stdout=file, check=True)

        def offered(*line, environment=None):
            line = [program("mhs") if line[0] == "mhs" else line[0], *line[1:]]
            done = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", f"{path}/_mhs", *line], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, **(environment or {})})
            equal(done.stderr, "", str(line))
            first, _, rest = done.stdout.partition("\n")
            equal(first, "compdef _mhs mhs")
            return rest.splitlines()
        for line in (["mhs", "queue", ""], ["mhs", "queue", "re"], ["mhs", "user", "add", "--"], ["mhs", "--socket", "/x", "peer", ""],
                     ["mhs", "help", "queue", "rel"], ["mhs", ""], ["mhs", "queue", "list", "--state", "re"],
                     ["mhs", "queue", "list", "--state=peer-"], ["mhs", "send", "--priority", ""]):
            equal(offered(*line), completed(*line), str(line))
        with hostile_stage(path, user={f"{HOME}/O=Widgets Ltd/S=ben": {}}) as stage:
            here = {"CHASQUI_SOCKET": stage.mta.socket_path, "XDG_CONFIG_HOME": path}
            equal(offered("mhs", "list", "--user", f"{HOME}/O=W", environment=here), [f"{HOME}/O=Widgets Ltd/S=ben"])
            equal(offered("mhs", "list", f"--user={HOME}/O=W", environment=here), [f"{HOME}/O=Widgets Ltd/S=ben"])
            for line in ["mhs", "ping", ""], ["mhs", "queue", "hold", "--peer="]:
                equal(sorted(offered(*line, environment=here)), sorted(completed(*line, environment=here)), str(line))
            equal(offered("mhs", "ping", "", environment={"CHASQUI_SOCKET": f"{path}/nobody"}), ["files"])
        for line in ["mhs", "send", "--attach", ""], ["mhs", "--socket", ""], ["mhs", "store", "check", ""]:
            equal(offered(*line), ["files"], str(line))
        with open(f"{path}/found", "w") as file:
            file.write('compdef() { print sourced }\ncompadd() { print found }\n_files() { : }\nwords=(mhs qu)\nCURRENT=2\n'
                       f'fpath=({path} $fpath)\nautoload -Uz _mhs\n_mhs\n_mhs\n')
        equal(subprocess.run(["zsh", "-f", f"{path}/found"], capture_output=True, text=True, timeout=60).stdout, "found\nfound\n")


tap.main()
