"""Chasqui as a relay between p1load's source and sink."""
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from scenario.chasqui import Mhsd, peer_section

from . import processes

# Set by the driver: the load generator and the store's own measure, of the release build.
P1LOAD = STORE = MAILBOX = None


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))


@contextlib.contextmanager
def relay(sink_port, associations, folder=None, **settings):
    """A daemon with a peer LOAD that calls and a peer SINK at sink_port that gets all for /C=DE/A=BENCH."""
    own = folder or tempfile.mkdtemp(prefix="chasqui-bench-")
    mta = Mhsd(own, log_level="warning", limits={"associations-in": 4000, "connections": 4000, "opening": 2000},
               peer={"LOAD": peer_section(1, "LOAD", "load", associations_in=2000),
                     "SINK": peer_section(sink_port, "SINK", "load", associations_out=associations,
                                          queue_per_association=1),
                     "DEAD": peer_section(1, "DEAD", "load", first_retry=3600, longest_retry=3600)},
               route={"/C=DE/A=BENCH": {"next-hop": {"SINK": {"rank": 1}}},
                      "/C=IT/A=BENCH": {"next-hop": {"DEAD": {"rank": 1}}}},
               schedule={"normal": {"expiry": 7 * 86400}}, **settings)
    try:
        mta.start()
        yield mta
    finally:
        if mta.process and mta.process.poll() is None:
            mta.kill()
        if not folder:
            shutil.rmtree(own, ignore_errors=True)


def p1load(what, port, **options):
    """Starts the load generator; underscores in the options' names become hyphens."""
    arguments = [word for key, value in options.items() for word in ("--" + key.replace("_", "-"), str(value))]
    return subprocess.Popen([P1LOAD, what, "--port", str(port), *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, seconds=600):
    """What it printed as JSON. RuntimeError when it failed or takes too long. Whatever happens, it does not live on."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{process.args[1]} did not end in {seconds} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise RuntimeError(f"{' '.join(process.args)}: {err.strip()}")
    return json.loads(out.splitlines()[-1])


@contextlib.contextmanager
def sink_for(messages, port=None):
    """The sink that ends when it has got the messages; at `port`, or at a free one: yields (process, port)."""
    port = port or processes.free_port()
    sink = p1load("sink", port, messages=messages, mta="SINK", password="load")
    try:
        processes.wait_for_port(port)
        yield sink, port
    finally:
        processes.end(sink)


def run(messages, size, associations, mta=None, sink_port=None, **settings):
    """Sends the messages through: {"rate", "cpu_ms", "p50_ms", "p99_ms", "memory"}. A fresh daemon, or the given one."""
    with contextlib.ExitStack() as stack:
        sink, sink_port = stack.enter_context(sink_for(messages, sink_port))
        if mta is None:
            mta = stack.enter_context(relay(sink_port, associations, **settings))
        used, start = processes.cpu_seconds(mta.process.pid), time.monotonic()
        source = p1load("source", mta.port, messages=messages, size=size, associations=associations)
        stack.callback(processes.end, source)
        finish(source)
        arrived = finish(sink)
        seconds = time.monotonic() - start
        used = processes.cpu_seconds(mta.process.pid) - used
        peaks = processes.memory(mta.process.pid)
        return {"rate": messages / seconds, "cpu_ms": used * 1000 / messages, "p50_ms": arrived["p50_ms"],
                "p99_ms": arrived["p99_ms"], "memory": sum(peaks.values())}


def direct(messages, size, associations):
    """Messages a second from the source to the sink without a relay: what the load itself can do."""
    with sink_for(messages) as (sink, port):
        start = time.monotonic()
        source = p1load("source", port, messages=messages, size=size, associations=associations, mta="SINK", password="load")
        try:
            finish(sink)        # it ends with the last message, whatever the source's other associations were about
            return messages / (time.monotonic() - start)
        finally:
            processes.end(source)


def mailboxes_alone(entries):
    with tempfile.TemporaryDirectory(prefix="chasqui-bench-") as folder:
        done = subprocess.run([MAILBOX, os.path.join(folder, "store"), str(entries)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def store_alone(size, in_flight, seconds=5):
    """Messages a second that the store takes in and gives out by itself, in one process."""
    with tempfile.TemporaryDirectory(prefix="chasqui-bench-") as folder:
        done = subprocess.run([STORE, os.path.join(folder, "store"), str(size), str(in_flight), str(seconds)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["messages_per_s"]


def listing(messages, size, associations):
    """Milliseconds that each list of the queue took while the messages passed."""
    times, over = [], threading.Event()

    def ask(mta):
        with mta.client() as client:
            while not over.is_set():
                start = time.monotonic()
                client.request("queue-list", limit=100)
                times.append((time.monotonic() - start) * 1000)

    port = processes.free_port()
    with relay(port, associations) as mta:
        asking = threading.Thread(target=ask, args=(mta,))
        asking.start()
        try:
            run(messages, size, associations, mta, port)
        finally:
            over.set()
            asking.join()
    return times


def gigabyte():
    """The peak resident octets of the largest process as a message of 1 GB passes."""
    with sink_for(1) as (sink, port), relay(port, 1) as mta:
        processes.reset_peaks(mta.process.pid)
        source = p1load("source", mta.port, messages=1, size=1 << 30)
        finish(source)
        finish(sink)
        return max(processes.memory(mta.process.pid).values())


def memory_of_many(messages, size, associations):
    """{process: octets of its own} after the first tenth of the messages, and after all of them."""
    def look(mta):
        return {f"{processes.name(pid)} {pid}": octets
                for pid, octets in processes.proportional(mta.process.pid).items()}

    port = processes.free_port()
    with relay(port, associations) as mta:
        run(messages // 10, size, associations, mta, port)
        before = look(mta)
        run(messages - messages // 10, size, associations, mta, port)
        return before, look(mta)


def idle(count=1000):
    """Octets that each of `count` idle associations costs."""
    raise_file_limit()
    with relay(1, 1) as mta:
        before = processes.private(mta.process.pid)
        source = p1load("source", mta.port, messages=0, associations=count, hold=600)
        try:
            source.stdout.readline()
            time.sleep(1)
            return (processes.private(mta.process.pid) - before) / count
        finally:
            processes.end(source)


def fill(mta, held, associations, size):
    """Leaves `held` messages in the queue, for a peer that can't be reached; says on stderr how far it is."""
    start, done = time.monotonic(), 0
    while done < held:
        step = min(100_000, held - done)
        finish(p1load("source", mta.port, messages=step, size=size, associations=associations, to="IT"), 1800)
        done += step
        print(f"  {done:,} of {held:,} held after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def full_queue(held, messages, rounds, associations=32, size=2048):
    """Two daemons, one with an empty queue and one with `held` messages: rates of both by turns, then the seconds
    that the full one takes to restart."""
    found = {"empty": [], "full": [], "restart": []}
    with contextlib.ExitStack() as stack:
        daemons = {}
        for side in ("empty", "full"):
            folder = tempfile.mkdtemp(prefix=f"chasqui-bench-{side}-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            port = processes.free_port()
            daemons[side] = (stack.enter_context(relay(port, associations, folder)), port)
        full = daemons["full"][0]
        fill(full, held, associations, size)
        for _ in range(rounds):
            for side, (mta, port) in daemons.items():
                found[side].append(run(messages, size, associations, mta, port)["rate"])
        for _ in range(rounds):
            found["restart"].append(_restart(full))
        waiting = full.request("status")["copies"]
        if waiting < held:
            raise RuntimeError(f"{waiting} copies wait after the restart; {held} were put in")
    return found


def _restart(mta):
    """Seconds from the start of the daemon to its first answers, the queue rebuilt."""
    mta.stop(120)
    start = time.monotonic()
    mta.start(seconds=300)
    return time.monotonic() - start
