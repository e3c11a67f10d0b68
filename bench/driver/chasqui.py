"""Chasqui as a relay between p1load's source and sink."""
import contextlib
import json
import resource
import shutil
import subprocess
import tempfile
import time

from scenario.chasqui import Mhsd, peer_section

from . import processes

P1LOAD = None   # set by the driver: the load generator of the release build


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
    """What it printed as JSON. RuntimeError when it failed or takes too long."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise RuntimeError(f"{process.args[1]} did not end in {seconds} s") from None
    if process.returncode:
        raise RuntimeError(f"{' '.join(process.args)}: {err.strip()}")
    return json.loads(out.splitlines()[-1])


def start_sink(messages):
    port = processes.free_port()
    sink = p1load("sink", port, messages=messages, mta="SINK", password="load")
    processes.wait_for_port(port)
    return sink, port


def run(messages, size, associations, mta=None, sink_port=None, **settings):
    """Sends the messages through: {"rate", "cpu_ms", "p50_ms", "p99_ms", "memory"}. A fresh daemon, or the given one."""
    with contextlib.ExitStack() as stack:
        if mta is None:
            sink, sink_port = start_sink(messages)
            mta = stack.enter_context(relay(sink_port, associations, **settings))
        else:
            sink = p1load("sink", sink_port, messages=messages, mta="SINK", password="load")
        stack.callback(processes.end, sink)
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


def gigabyte():
    """The peak resident octets of the largest process as a message of 1 GB passes."""
    sink, port = start_sink(1)
    with relay(port, 1) as mta:
        processes.reset_peaks(mta.process.pid)
        source = p1load("source", mta.port, messages=1, size=1 << 30)
        finish(source)
        finish(sink)
        return max(processes.memory(mta.process.pid).values())


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


def full_queue(held, messages, associations=32, size=2048):
    """With `held` messages in the queue: rates of an empty and of that queue, and the seconds of a restart."""
    folder = tempfile.mkdtemp(prefix="chasqui-bench-queue-")
    try:
        sink_port = processes.free_port()
        with relay(sink_port, associations, folder) as mta:
            empty = [run(messages, size, associations, mta, sink_port)["rate"] for _ in range(3)]
            finish(p1load("source", mta.port, messages=held, size=size, associations=associations, to="IT"), 3600)
            full = [run(messages, size, associations, mta, sink_port)["rate"] for _ in range(3)]
            restarts = [_restart(mta) for _ in range(3)]
        return {"empty": empty, "full": full, "restart": restarts}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restart(mta):
    """Seconds from the start of the daemon to its first answers, the queue rebuilt."""
    mta.stop(120)
    start = time.monotonic()
    mta.start(seconds=300)
    return time.monotonic() - start
