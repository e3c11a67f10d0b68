#!/usr/bin/python3
"""Do the tools of make lint find what they are for?"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from peer import tap                # noqa: E402
from peer.tap import case, check, equal    # noqa: E402

SOURCE = pathlib.Path(os.environ["CHASQUI_SOURCE"])

READER = ('void read(struct loader *l) { peer->idle_seconds = (unsigned)config_number(section, "idle"); '
          'config->socket = config_text(tree, "socket"); }\n')


def lint_defaults(name, text):
    """What the tool says of a source file beside a reader of one option."""
    with tempfile.TemporaryDirectory() as folder:
        for path, words in {"src/mhsd/config_peers.c": READER, name: text}.items():
            pathlib.Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(folder, path).write_text(words)
        done = subprocess.run([SOURCE / "scripts/lint-defaults", folder], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


@case("a default in a room's code or words is found")
def _():
    for name, text in {
            "src/mta/peer.c": "long limit = peer->idle_seconds ? peer->idle_seconds : 60;\n",
            "src/mta/copy.c": "unsigned most = limits->most; use(most ? most : 2000);\n",
            "src/mta/run.c": "size_t memory = limit > 0 ? limit : (size_t)64 * 1024;\n",
            "src/store/sqlite/run.c": "unsigned most = limits->most; use(most ? most : 2000);\n",
            "src/mta/macro.c": "long limit = peer->idle_seconds ? peer->idle_seconds : IDLE;\n",
            "src/mta/filled.c": "if (!peer->idle_seconds)\n    peer->idle_seconds = IDLE;\n",
            "src/mta/text.c": 'const char *at = config->socket ? config->socket : "/run/chasqui.sock";\n',
            "src/mta/fill.c": "if (!peer->idle_seconds)\n    peer->idle_seconds = 60;\n",
            "src/mta/mta.h": "struct mta_peer {\n    unsigned idle_seconds; /* until it is released. 0: 60 */\n};\n",
            "src/mhsd/config_options.c": '{"idle", .help = "Seconds; the default is 60."},\n'}.items():
        status, said = lint_defaults(name, text)
        check(status == 1 and f"{name}:" in said, f"{name}: {status} {said}")


@case("what is none is let pass")
def _():
    for text in ("void *array = arena_array(arena, count ? count : 1, size);\n",
                 "long limit = peer->idle_seconds * SECOND;\n",
                 "size_t room = slots ? slots * 2 : 64;\n",
                 'put(name ? name : "(none)");\n', 'put(config->socket ? config->socket : "");\n',
                 "enum reason why = how ? how : REASON_NONE;\n",
                 "/* A peer that is idle for 60 seconds. */\n"):
        status, said = lint_defaults("src/mta/peer.c", text)
        check(status == 0, f"{text}: {said}")


def lint_circles(files):
    """What the tool says of a room whose files are these."""
    with tempfile.TemporaryDirectory() as folder:
        room = pathlib.Path(folder, "src/room/libroom.a.p")
        room.mkdir(parents=True)
        for name, text in files.items():
            (room / name).write_text(text)
            subprocess.run(["cc", "-c", "-o", room / (name + ".o"), room / name], check=True)
        done = subprocess.run([SOURCE / "scripts/lint-circles", folder], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


@case("a circle of files is found, over others too")
def _():
    status, said = lint_circles({"a.c": "void b(void); void a(void) { b(); }\n",
                                 "b.c": "void c(void); void b(void) { c(); }\n",
                                 "c.c": "extern int at; void c(void) { at = 1; }\n",
                                 "d.c": "void a(void); int at; void d(void) { a(); }\n"})
    check(status == 1 and "a circle of files: a, b, c, d" in said, said)


@case("calls that go one way, and those through a pointer, are none")
def _():
    status, said = lint_circles({"a.c": "void b(void); void a(void) { b(); }\n",
                                 "b.c": "void c(void (*)(void)); static void back(void) { } void b(void) { c(back); }\n",
                                 "c.c": "void c(void (*call)(void)) { call(); }\n"})
    check(status == 0, said)


def lint_functions(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "src/room/engine/a.c")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        done = subprocess.run([SOURCE / "scripts/lint-functions", folder], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


@case("a function of 61 lines is found, in a room's folder too; one of 60, and a long table, are let pass")
def _():
    for head in ("int f(int a) {\n", "static struct b *f(int a,\n    int b) {\n", "bool f(const struct b c[static 2]) {\n"):
        lines = 60 - head.count("\n")
        equal(lint_functions("int x;\n\n" + head + "    g();\n" * (lines - 1) + "}\n"), (0, ""))
        status, said = lint_functions("int x;\n\n" + head + "    g();\n" * lines + "}\n")
        check(status == 1 and "a.c:3: f has 61 lines" in said, f"{head}: {said}")
    for table in ("static const int a[] = {\n", "struct a {\n", "static const size_t a[] = {sizeof(int),\n", "enum {\n"):
        equal(lint_functions(table + "    1,\n" * 80 + "};\n"), (0, ""))


@case("no default stands twice here")
def _():
    done = subprocess.run([SOURCE / "scripts/lint-defaults", SOURCE], capture_output=True, text=True)
    check(done.returncode == 0, done.stdout)


tap.main()
