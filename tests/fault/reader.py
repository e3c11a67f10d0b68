"""A user who reads his mailbox while the daemon dies: what he deleted must not come back, and what he marked stays marked."""
import threading
import time

from peer.local import Client, Failed


class Reader(threading.Thread):
    """`read`: entries that were noted. Of each the daemon has said that it is deleted, or marked as seen, or neither."""

    def __init__(self, mta, mailbox, note, random):
        super().__init__(daemon=True)
        self.mta, self.mailbox, self.note, self.random = mta, mailbox, note, random
        self.read, self.deleted, self.marked = {}, set(), set()
        self.finish = threading.Event()
        self.waiting = None

    def run(self):
        while not self.finish.wait(0.2):
            try:
                with Client(self.mta.socket_path) as client:
                    self.go_through(client)
            except (OSError, Failed):
                pass        # killed, or its store is away

    def go_through(self, client):
        for entry in client.entries(self.mailbox, max(self.read, default=None)):
            if self.finish.is_set():
                return
            number = entry["entry"]
            self.read[number] = self.note(client, self.mailbox, entry, False)
            if self.random.random() < 0.5:
                client.request("mailbox-delete", mailbox=self.mailbox, entry=number)
                self.deleted.add(number)
            else:
                client.request("mailbox-mark", mailbox=self.mailbox, entry=number, seen=True)
                self.marked.add(number)
            time.sleep(0.01)

    def judge(self, entries):
        """What is wrong with the entries that are there at the end."""
        there = {entry["entry"]: entry for entry in entries}
        yield from (f"{self.mailbox}: entry {number} was deleted, and is there" for number in self.deleted & set(there))
        yield from (f"{self.mailbox}: entry {number} was marked as seen, and is {'not' if number in there else 'gone'}"
                    for number in self.marked if not there.get(number, {}).get("seen"))
