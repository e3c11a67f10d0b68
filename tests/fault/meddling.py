"""An operator who meddles while daemons die: what waits is held, released, tried again, routed anew or by another peer, peers are
disabled and enabled, the configuration is read anew. None of it may lose or double anything."""
import collections
import contextlib
import signal
import threading

from peer.local import Failed

QUEUE = ("queue-hold", "queue-release", "queue-retry", "queue-redirect")
WHY = "the test does that"


class Operator(threading.Thread):
    """`peers`: of each daemon the names of its peers; `ways`: those that lead to the same MTA. `done`: what came about, and how
    often."""

    def __init__(self, peers, ways, random):
        super().__init__(daemon=True)
        self.peers, self.ways, self.random, self.done = peers, ways, random, collections.Counter()
        self.finish = threading.Event()

    def run(self):
        while not self.finish.wait(self.random.uniform(0.05, 0.4)):
            mta = self.random.choice(list(self.peers))
            with contextlib.suppress(OSError, Failed):      # it is down, or its store is away
                self.act(mta)

    def act(self, mta):
        way = self.random.random()
        if way < 0.1:
            process = mta.process
            mta.request("status")       # one whose program has not begun yet would end of the signal
            process.send_signal(signal.SIGHUP)
            self.done["reload"] += 1
        elif way < 0.25:
            peer = self.random.choice(self.peers[mta])
            mta.request("peer-disable", peer=peer, reason=WHY)
            self.done["peer-disable"] += 1
            self.finish.wait(self.random.uniform(0.05, 0.5))
            mta.request("peer-enable", peer=peer, reason=WHY)
        else:
            operation = self.random.choice(QUEUE)
            self.done[operation] += self.change(mta, operation, **self.target(mta, operation))
            if operation == "queue-hold":
                self.change(mta, "queue-release")

    def target(self, mta, operation):
        """Where a redirection goes."""
        if operation != "queue-redirect":
            return {}
        ways = [way for way in self.ways if way in self.peers[mta]]
        return {"by-peer": self.random.choice(ways)} if ways and self.random.random() < 0.7 else {"anew": True}

    @staticmethod
    def change(mta, operation, **target):
        """How many copies it was done to."""
        return mta.request(operation, all=True, limit=1000, reason=WHY, **target)["changed"]

    def calm(self):
        """All is enabled and released, as it was."""
        for mta, peers in self.peers.items():
            for peer in peers:
                with contextlib.suppress(Failed):   # it is enabled already
                    mta.request("peer-enable", peer=peer, reason=WHY)
            self.change(mta, "queue-release")

    def text(self):
        return ", ".join(f"{name} {number} times" for name, number in sorted(self.done.items()))
