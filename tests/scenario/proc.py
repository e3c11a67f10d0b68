"""The processes below one of ours: a daemon's, a server's. The kernel's own list of a process's children is asked, and not all
of /proc, which takes seconds on a machine with many processes while threads of the play compute."""
import contextlib
import os


def _stat(pid):
    """Of /proc/PID/stat what stands behind the name: state, parent, group and so on. Empty when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()
    return []


def _listed(pid):
    found = set()
    for _ in range(2):      # one that is passed over since another ends in that moment is seen the second time
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found.update(map(int, file.read().split()))
    return found


def children(pid):
    """The pids of its children; none when it is gone."""
    try:
        return sorted(_listed(pid))
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}/task/{pid}") and not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            # a kernel without these lists
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and _stat(name)[1:2] == [str(pid)]]
        return []
    except ProcessLookupError:
        return []


def family(pid):
    """Itself and all below."""
    found = [pid]
    for each in found:
        found += children(each)
    return found


def name(pid):
    """What it calls itself; empty when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
        return file.read().strip()
    return ""


def group(pid):
    """The process group it is in, None when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None


def is_alive(pid):
    """False when it has ended, though nobody may have asked for its status yet."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def resident(pid):
    """Its octets in memory; 0 when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0
