"""Takes back what a killed daemon had written and not synced, as a power failure would (tests/fault/unsynced.c)."""
import os
import random
import struct

LIBRARY = os.path.join(os.environ.get("CHASQUI_BUILD", "build"), "tests", "fault", "libunsynced.so")


def environment(store, lie=False):
    """The environment under which a daemon's writes to `store` can be taken back; with `lie` also those that it synced
    (a control: then a kill must lose what was confirmed)."""
    if not os.path.exists(LIBRARY):
        raise RuntimeError(f"{LIBRARY} is not built")
    return {"LD_PRELOAD": os.path.abspath(LIBRARY), "CHASQUI_UNSYNCED": os.path.abspath(store),
            "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0", **({"CHASQUI_SYNC_LIES": "1"} if lie else {})}


def _records(data):
    """(offset, octets) of an undo file after its header; a record that the kill cut off had not begun its write."""
    at = 0
    while at + 12 <= len(data):
        offset, length = struct.unpack("=QI", data[at:at + 12])
        if at + 12 + length > len(data):
            return
        yield offset, data[at + 12:at + 12 + length]
        at += 12 + length


def _take_back_file(undo, share):
    with open(undo, "rb") as file:
        data = file.read()
    if len(data) < 12:
        return 0
    size, length = struct.unpack("=QI", data[:12])
    path = data[12:12 + length].decode()
    if len(data) < 12 + length or not os.path.exists(path):
        return 0
    taken = 0
    with open(path, "r+b") as file:
        for offset, octets in _records(data[12 + length:]):
            if random.random() < share:
                file.seek(offset)
                file.write(octets)
                taken += 1
        if share == 1 or random.random() < share:
            taken += file.seek(0, os.SEEK_END) != size
            file.truncate(size)
    return taken


def _unmake(note, share):
    """A file that was made and whose folder was not synced has no name."""
    with open(note, "rb") as file:
        path = file.read().decode()
    if not os.path.exists(path) or random.random() >= share:
        return 0
    os.remove(path)
    return 1


def take_back(store, share=None):
    """Undoes the unsynced writes of all files of the store, or (`share`, else by chance) a random part of them: a disk
    may have written any of them. Returns the number of blocks, sizes and names that were put back."""
    folder, taken = os.path.join(store, ".undo"), 0
    share = share or random.choice([1, 1, 0.5])
    if not os.path.isdir(folder):
        return 0
    for name in os.listdir(folder):
        undo = _unmake if name.startswith("made-") else _take_back_file
        taken += undo(os.path.join(folder, name), share)
        os.remove(os.path.join(folder, name))
    return taken
