"""CPU time and memory of a process and all below it, from /proc."""
import os
import signal
import socket
import time

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Parent, and the ticks of user and system time, own and of children that were waited for."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15]))


def tree(root):
    """The process and all its descendants that live."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = _stat(name)[0]
            except (OSError, IndexError):
                continue
    found, grew = {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return sorted(found)


def cpu_seconds(root):
    """CPU time used so far by the process and all below it, those that ended included."""
    total = 0
    for pid in tree(root):
        try:
            total += _stat(pid)[1]
        except OSError:
            continue
    return total / TICK


def _status(pid, key):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def memory(root, key="VmHWM"):
    """{pid: octets}: the peak (VmHWM) or present (VmRSS) resident memory of each process of the tree."""
    return {pid: _status(pid, key) for pid in tree(root)}


def proportional(root):
    """{pid: octets}: the Pss of each process of the tree, in which shared pages count once in all."""
    found = {}
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                found[pid] = sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return found


def private(root):
    """Octets that are the tree's own."""
    return sum(proportional(root).values())


def name(pid):
    """What the process calls itself."""
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def reset_peaks(root):
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            continue


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for_port(port, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


def end(process, seconds=10):
    """SIGTERM, then SIGKILL when it does not end in time."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except Exception:
            process.kill()
            process.wait()
