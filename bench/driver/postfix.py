"""A Postfix instance of its own on loopback: own queue, own configuration, nothing of the installed one touched."""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

from . import processes

TUNED = {"in_flow_delay": "0", "initial_destination_concurrency": "20"}

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
relay_domains = sink.example
alias_maps =
alias_database =
biff = no
smtpd_relay_restrictions = permit_mynetworks, reject
relay_transport = smtp:[127.0.0.1]:{sink}
default_transport = smtp:[127.0.0.1]:{sink}
message_size_limit = 0
mailbox_size_limit = 0
"""


class Postfix:
    """`with Postfix(sink port, settings) as relay:` starts an instance; `relay.port` takes mail for the sink."""

    def __init__(self, sink, settings=None, log=False):
        self.sink, self.settings, self.log = sink, dict(settings or {}), log

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="chasqui-bench-postfix-")
        os.chmod(self.folder, 0o755)
        self.port = processes.free_port()
        try:
            self._write()
            self._postfix("start")
            processes.wait_for_port(self.port)
            with open(f"{self.folder}/queue/pid/master.pid") as file:
                self.pid = int(file.read())
        except BaseException:   # an interrupt too: nothing may stay behind
            self._end()
            raise
        return self

    def _write(self):
        etc = f"{self.folder}/etc"
        os.makedirs(etc)
        os.makedirs(f"{self.folder}/queue")
        os.makedirs(f"{self.folder}/data")
        shutil.chown(f"{self.folder}/data", "postfix", "postfix")
        with open(f"{etc}/main.cf", "w") as file:
            file.write(MAIN.format(folder=self.folder, sink=self.sink))
            if self.log:
                file.write(f"maillog_file = {self.folder}/mail.log\nmaillog_file_prefixes = {self.folder}\n")
            file.writelines(f"{key} = {value}\n" for key, value in self.settings.items())
        with open("/etc/postfix/master.cf") as file:
            services = file.read()
        services = re.sub(r"(?m)^smtp(\s+inet)", rf"127.0.0.1:{self.port}\1", services, count=1)
        services = re.sub(r"(?m)^(\S+\s+(?:unix|inet|fifo|unix-dgram)\s+\S+\s+\S+\s+)[y-](\s)", r"\1n\2", services)
        with open(f"{etc}/master.cf", "w") as file:
            file.write(services)
        for name in ("dynamicmaps.cf", "postfix-files"):
            if os.path.exists(f"/etc/postfix/{name}"):
                shutil.copy(f"/etc/postfix/{name}", etc)

    def _postfix(self, command):
        done = subprocess.run(["postfix", "-c", f"{self.folder}/etc", command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"postfix {command}: {done.stderr.strip()}")

    def delays(self):
        """The seconds from arrival to delivery of each message, as Postfix logged them."""
        with open(f"{self.folder}/mail.log") as file:
            return sorted(float(value) for value in re.findall(r" delay=([0-9.]+),.*status=sent", file.read()))

    def __exit__(self, *_):
        self._end()

    def _end(self):
        with contextlib.suppress(RuntimeError):   # it may not run (any more)
            self._postfix("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def run(messages, size, sessions, settings=None, log=False):
    """Sends the messages through a fresh instance: {"rate", "cpu_ms", "p50_ms", "p99_ms", "memory"}."""
    sink_port = processes.free_port()
    sink = subprocess.Popen(["smtp-sink", "-u", "postfix", "-M", str(messages), f"127.0.0.1:{sink_port}", "1024"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        processes.wait_for_port(sink_port)
        with Postfix(sink_port, settings, log) as relay:
            used, start = processes.cpu_seconds(relay.pid), time.monotonic()
            source = subprocess.run(
                ["smtp-source", "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f", "source@bench.example",
                 "-t", "sink@sink.example", f"127.0.0.1:{relay.port}"], capture_output=True, text=True)
            if source.returncode:
                raise RuntimeError(f"smtp-source: {source.stderr.strip()}")
            sink.wait(300)
            seconds = time.monotonic() - start
            used = processes.cpu_seconds(relay.pid) - used
            peaks = processes.memory(relay.pid)
            result = {"rate": messages / seconds, "cpu_ms": used * 1000 / messages, "memory": sum(peaks.values())}
            if log:
                time.sleep(0.5)
                delays = relay.delays()
                result["p50_ms"] = delays[len(delays) // 2] * 1000
                result["p99_ms"] = delays[int(len(delays) * 0.99)] * 1000
            return result
    finally:
        processes.end(sink)
