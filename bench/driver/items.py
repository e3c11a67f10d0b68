"""What is measured. Each item's function yields entries for summary.json; the two sides run in turn, round by round."""
import os
import statistics
import subprocess

from scenario import postgres

from . import chasqui, postfix, processes

ROUNDS = int(os.environ.get("ROUNDS", "3"))
HELD = int(os.environ.get("HELD", "1000000"))
MESSAGES = int(os.environ.get("MESSAGES", "1000000"))
ENTRIES = int(os.environ.get("ENTRIES", "50000"))   # of the large mailbox; 500000 is the size that is asked for

# As a server has it that nobody has tuned; the tests' own have less.
SERVER = "shared_buffers = 128MB\nmax_wal_size = 1GB\n"

# item: content octets, associations, messages of Chasqui, messages of Postfix. Enough for some seconds each.
RELAYS = {
    "relay-2k-1": (2048, 1, 5000, 2000),
    "relay-2k-8": (2048, 8, 20000, 4000),
    "relay-2k-32": (2048, 32, 40000, 4000),
    "relay-100k-32": (100_000, 32, 5000, 1500),
}


# What must be reached: item -> (the column that tells, at least or at most, how much).
TARGETS = {
    "relay-2k-1": ("ratio", "least", 4),
    "relay-2k-32-cpu": ("chasqui", "most", 0.095),
    "relay-100k-32": ("ratio", "least", 7),
    "relay-of-store": ("ratio", "least", 0.55),
    "relay-2k-32-pg": ("ratio", "least", 0.6),
    "queue-list-p99": ("chasqui", "most", 20),
    "memory-1m": ("growth", "most", 1.1),
    "ber-decode-1": ("ratio_without_debug", "least", 8),
    "ber-decode-50": ("ratio_without_debug", "least", 8),
}


def judged(found):
    """The entry with its target, and whether that is reached."""
    if found["name"] not in TARGETS:
        return found
    column, bound, wanted = TARGETS[found["name"]]
    reached = found[column] >= wanted if bound == "least" else found[column] <= wanted
    return {**found, "target": {"column": column, bound: wanted, "reached": reached}}


def entry(name, unit, ours, theirs=None, peer_name=None, **more):
    """ratio is chasqui / peer: for rates more is better, for costs less."""
    mine = statistics.median(ours)
    other = statistics.median(theirs) if theirs else None
    return {"name": name, "unit": unit, "chasqui": round(mine, 4), "peer": other and round(other, 4),
            "peer_name": peer_name, "ratio": round(mine / other, 3) if other else None, "runs": len(ours), **more}


def measure_relay(size, associations, ours, theirs):
    """Interleaved rounds of Chasqui, Postfix as installed and Postfix tuned."""
    sides = {"chasqui": [], "postfix": [], "postfix tuned": []}
    for _ in range(ROUNDS):
        sides["chasqui"].append(chasqui.run(ours, size, associations))
        sides["postfix"].append(postfix.run(theirs, size, associations))
        sides["postfix tuned"].append(postfix.run(theirs, size, associations, postfix.TUNED))
    return sides


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


def better(sides):
    return max(("postfix", "postfix tuned"), key=lambda name: middle(sides[name], "rate"))


def relay(name, wanted):
    size, associations, ours, theirs = RELAYS[name]
    sides = measure_relay(size, associations, ours, theirs)
    peer = better(sides)
    settings = postfix.TUNED if peer == "postfix tuned" else None
    timed = postfix.run(max(theirs // 4, 200), size, associations, settings, log=True)
    us = sides["chasqui"]
    detail = {"latency_ms": {"chasqui": {"p50": middle(us, "p50_ms"), "p99": middle(us, "p99_ms")},
                             peer: {"p50": timed["p50_ms"], "p99": timed["p99_ms"]}},
              "peak_mb": {"chasqui": round(middle(us, "memory") / 1e6, 1),
                          peer: round(middle(sides[peer], "memory") / 1e6, 1)}}
    def column(side, key):
        return [run[key] for run in sides[side]]
    if name in wanted:
        yield entry(name, "messages/s", column("chasqui", "rate"), column(peer, "rate"), peer, **detail)
    if name + "-cpu" in wanted:
        yield entry(name + "-cpu", "ms CPU/message", column("chasqui", "cpu_ms"), column(peer, "cpu_ms"), peer)


def direct(name, _wanted):
    size, associations, ours, _ = RELAYS["relay" + name[len("direct"):]]
    yield entry(name, "messages/s, source to sink", [chasqui.direct(ours, size, associations) for _ in range(ROUNDS)])


def floor(_name, wanted):
    """The relay beside its store alone, by turns: what the rest of it costs."""
    size, associations, ours, _ = RELAYS["relay-2k-32"]
    relayed, alone = [], []
    for _ in range(ROUNDS):
        alone.append(chasqui.store_alone(size, associations))
        relayed.append(chasqui.run(ours, size, associations)["rate"])
    if "store-2k-32" in wanted:
        yield entry("store-2k-32", "messages/s, the store alone", alone)
    if "relay-of-store" in wanted:
        yield entry("relay-of-store", "messages/s, relay-2k-32", relayed, alone, "the store alone")


# Items of the mailboxes: the member of bench-mailbox's line, and the unit.
MAILBOXES = {
    "mailbox-list-new": ("list-new-us", "us, 1,000 new of 11,000 selected, the store alone"),
    "mailbox-deliver": ("deliveries", f"deliveries/s into a mailbox of up to {ENTRIES:,}, batches of 32, the store alone"),
    "mailbox-equality": ("equality-us", f"us, 100 of a filter on the originator, {ENTRIES:,} entries"),
    "mailbox-substring": ("substring-us", f"us, 100 of a filter on a part of the subject, {ENTRIES:,} entries"),
    "mailbox-other": ("other-us", f"us, a filter on what has no column, {ENTRIES:,} entries"),
    "mailbox-mark": ("mark-us", "us, 1,000 scattered entries marked"),
    "mailbox-delete": ("delete-us", "us, 1,000 scattered entries deleted"),
}


def mailboxes(_name, wanted):
    runs = [chasqui.mailboxes_alone(ENTRIES) for _ in range(ROUNDS)]
    for name, (member, unit) in MAILBOXES.items():
        if name in wanted:
            yield entry(name, unit, [run[member] for run in runs])


def at_a_server(name, wanted):
    """The relay on PostgreSQL and on the embedded engine, by turns; the CPU of the server's processes counts."""
    size, associations, messages, _ = RELAYS["relay-2k-32"]
    with postgres.Postgres(SERVER) as server:
        runs = []
        for _ in range(ROUNDS):
            used, place = processes.cpu_seconds(server.postmaster.pid), server.database()
            there = chasqui.run(messages, size, associations, store=place)
            there["cpu_ms"] += (processes.cpu_seconds(server.postmaster.pid) - used) * 1000 / messages
            runs.append((there, chasqui.run(messages, size, associations)))
    def column(key):
        return [there[key] for there, _ in runs], [here[key] for _, here in runs], "chasqui, SQLite"
    if "relay-2k-32-pg" in wanted:
        yield entry("relay-2k-32-pg", "messages/s", *column("rate"))
    if "relay-2k-32-pg-cpu" in wanted:
        yield entry("relay-2k-32-pg-cpu", "ms CPU/message", *column("cpu_ms"))


def listing(name, _wanted):
    size, associations, ours, _ = RELAYS["relay-2k-32"]
    runs = [chasqui.listing(ours, size, associations) for _ in range(ROUNDS)]
    yield entry(name, "ms, p99 of a list of the queue under relay-2k-32",
                [statistics.quantiles(times, n=100)[98] for times in runs if len(times) > 1])


def gigabyte(_name, _wanted):
    yield entry("relay-1g-rss", "MB resident, largest process", [chasqui.gigabyte() / 1e6 for _ in range(ROUNDS)])


def memory(name, _wanted):
    """Whether any process grows with the messages that passed; one round, for it takes its time."""
    size, associations, _, _ = RELAYS["relay-2k-32"]
    before, after = chasqui.memory_of_many(MESSAGES, size, associations)
    growth = max(after[process] / before[process] for process in before)
    yield entry(name, f"MB after {MESSAGES:,} messages", [sum(after.values()) / 1e6], [sum(before.values()) / 1e6],
                "chasqui after a tenth of them", growth=round(growth, 3),
                processes={process: [round(before[process] / 1e6, 2), round(after[process] / 1e6, 2)]
                           for process in before})


def idle(_name, _wanted):
    yield entry("idle-association", "kB an association", [chasqui.idle() / 1e3 for _ in range(ROUNDS)])


def queue(_name, wanted):
    size, associations, messages, _ = RELAYS["relay-2k-32"]
    found = chasqui.full_queue(HELD, messages, ROUNDS, associations, size)
    if "queue-1m-rate" in wanted:
        yield entry("queue-1m-rate", f"messages/s, {HELD} held", found["full"], found["empty"], "chasqui, empty queue")
    if "queue-1m-restart" in wanted:
        yield entry("queue-1m-restart", f"s to serve again, {HELD} held", found["restart"])


class Ber:
    """bench/ber/run prints its own entries as JSON lines, in the form of summary.json."""

    def __init__(self, program):
        self.program = program

    def __call__(self, name, wanted):
        import json
        done = subprocess.run([self.program, "--json", *sorted(w for w in wanted if w.startswith("ber-"))],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                found = json.loads(line)
                if found["name"] in wanted:
                    yield found


# name of an item -> (the group that measures it, its function)
def groups(ber_program):
    found = {}
    for name in RELAYS:
        found[name] = (name, relay)
    for name in RELAYS:
        if name.startswith("relay-2k-"):
            found["direct" + name[len("relay"):]] = ("direct" + name[len("relay"):], direct)
    found.update({name: ("mailboxes", mailboxes) for name in MAILBOXES})
    found["store-2k-32"] = found["relay-of-store"] = ("floor", floor)
    if postgres.binaries():
        found["relay-2k-32-pg"] = found["relay-2k-32-pg-cpu"] = ("relay-2k-32-pg", at_a_server)
    found["queue-list-p99"] = ("queue-list-p99", listing)
    found["memory-1m"] = ("memory-1m", memory)
    found["relay-2k-32-cpu"] = ("relay-2k-32", relay)
    found["relay-1g-rss"] = ("relay-1g-rss", gigabyte)
    found["queue-1m-rate"] = found["queue-1m-restart"] = ("queue", queue)
    found["idle-association"] = ("idle-association", idle)
    if os.path.exists(ber_program):
        for kind in ("decode", "encode"):
            for count in (1, 50, 1000):
                found[f"ber-{kind}-{count}"] = ("ber", Ber(ber_program))
    return found
