"""Connections between ALPHA and BETA cut after every octet of a transfer.

Each daemon sends to the other over several lanes: a lane is a peer of its own name, behind a proxy of its own, with one
message at a time, so that the octets of a connection are always those of the same kind of transfer: connect, bind, one
message, and (idle for a second) release. First a lane lets some pass whole, to learn how many octets there are in each
direction; then each connection is cut after another number of them. As an operator would, the test has what waits tried
again at once, and releases what is held since its transfers were aborted time and again. At last contents of some hundred
kB are cut after random numbers of octets."""
import hashlib
import queue
import random
import threading
import time

from fault.proxy import Cut, CuttingProxy
from fault.source import ORIGINATOR, SRC
from peer import ipm, x411
from peer.association import Association
from scenario.chasqui import free_port, peer_section

DOMAINS = {"ALPHA": "/C=GB/A=GOLD/P=ALPHA", "BETA": "/C=DE/A=VIAT/P=BETA"}
OTHER = {"ALPHA": "BETA", "BETA": "ALPHA"}
LANES = 6               # each way, for cuts that the daemons are told of at once
SILENT_LANES = 24       # each way, for those that they must find out by a timer
SILENT_CUTS = 8         # of each of them, about: more than a copy stands before it is held
TIMERS = {"connect": 3, "transfer": 3, "release": 3}
TRIES = 8               # connections that may end before an octet that the measured ones had


class Plan:
    """The cuts of one way and one manner, and which of them were made."""

    def __init__(self, sender, how, cuts):
        self.sender, self.how, self.over = sender, how, False
        self.wanted, self.made, self.tries = set(cuts), set(), {}
        self.waiting = queue.SimpleQueue()
        for cut in cuts:
            self.waiting.put(cut)

    def take(self):
        try:
            return None if self.over else self.waiting.get_nowait()
        except queue.Empty:
            return None

    def ended(self, cut, made):
        if made:
            self.made.add(cut)
            return
        self.tries[cut] = self.tries.get(cut, 0) + 1
        if self.tries[cut] < TRIES:
            self.waiting.put(cut)

    @property
    def done(self):
        return self.over or all(cut in self.made or self.tries.get(cut, 0) >= TRIES for cut in self.wanted)

    def text(self):
        parts = []
        for direction, who in (("in", "initiator"), ("out", "responder")):
            wanted = [cut for cut in self.wanted if cut.direction == direction]
            made = sum(cut in self.made for cut in wanted)
            parts.append(f"{made} of {len(wanted)} of the {who}")
        return f"{self.sender} to {OTHER[self.sender]}, {self.how}: {', '.join(parts)}"


class Lane:
    """One way from `sender` to the other daemon: the peer `name` there and here."""

    def __init__(self, sender, number, target):
        self.sender, self.number, self.name = sender, number, f"{OTHER[sender]}-{number}"
        self.recipient = f"{DOMAINS[OTHER[sender]]}/O=lane{number}/S=user"
        self.plan, self.cut, self.measured, self.quota = None, None, [], 0
        self.proxy = CuttingProxy(target, self.cuts(), self.ended)

    def cuts(self):
        while True:
            yield self.plan.take() if self.plan else None

    def ended(self, connection):
        if connection.cut:
            self.plan.ended(connection.cut, connection.broken)
        else:
            self.measured.append(dict(connection.passed))

    def wants_message(self):
        return not self.proxy.open and (self.quota > 0 or (self.plan is not None and not self.plan.done))


class Feeder(threading.Thread):
    """Keeps the lanes of one sender going: hands over the next message where none is under way, has what waits tried
    again at once."""

    def __init__(self, mta, lanes, ledger, seed):
        super().__init__(daemon=True)
        self.mta, self.lanes, self.ledger = mta, lanes, ledger
        self.random = random.Random(f"{seed}-{mta.name}")
        self.made, self.sizes, self.peer, self.problem = 0, (600, 600), None, None
        self.finish = threading.Event()

    def run(self):
        try:
            while not self.finish.is_set() or self.turn():
                time.sleep(0.05)
                self.turn()
        except Exception as error:
            self.problem = f"{self.mta.name}: {error!r}"
        if self.peer:
            self.peer.close()

    def turn(self):
        """True while something is under way."""
        busy = {entry["next-hop"] for entry in self.mta.request("queue-list", limit=1000)["entries"]}
        for operation in ("queue-release", "queue-retry") if busy else ():
            self.mta.request(operation, all=True, limit=1000, reason="the next cut")
        for lane in self.lanes:
            if not self.finish.is_set() and lane.name not in busy and lane.wants_message():
                self.hand_over(lane)
        return busy

    def hand_over(self, lane):
        """A message with a number of fixed width, so that small ones are all of one length."""
        self.made += 1
        lane.quota -= lane.quota > 0
        local = f"src-{self.mta.name[0]}-{self.made:07}"
        text = "x" * self.random.randint(*self.sizes)
        content = ipm.ipm(local, ORIGINATOR, [lane.recipient], local, ipm.text(text))
        if self.peer is None:
            self.peer = Association.open(self.mta.port, mta="SRC", password="secret", timeout=120, checkpoint=64)
        self.peer.transfer(x411.message(SRC, local, ORIGINATOR, [lane.recipient], content))
        self.ledger.confirm(local, [lane.recipient], hashlib.sha256(content).hexdigest())


class Cutting:
    """The lanes of both ways, the daemons' settings for them, and the rounds."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.ports = {"ALPHA": free_port(), "BETA": free_port()}
        self.lanes = {sender: [Lane(sender, number, self.ports[OTHER[sender]])
                               for number in range(LANES + SILENT_LANES)] for sender in DOMAINS}
        self.feeders, self.plans, self.large = [], [], 0

    def settings(self, mta, sink_port):
        """Peers, routes and users of this daemon."""
        lanes, other = self.lanes[mta], OTHER[mta]
        peers = {"SRC": peer_section(sink_port, "SRC", "secret", f"{mta}-MTA", "a", domain=SRC, transit=True)}
        for lane in lanes:
            secret = f"lane {lane.number}"
            peers[lane.name] = peer_section(lane.proxy.port, f"{other}-{lane.number}", secret, f"{mta}-{lane.number}",
                                            secret, domain=DOMAINS[other], transit=True, checkpoint_size=16, idle=1,
                                            associations_in=200, associations_out=1)
        return {
            "peer": peers, "timers": TIMERS,
            "route": {SRC: {"next-hop": {"SRC": {"rank": 1}}},
                      **{f"{DOMAINS[other]}/O=lane{lane.number}": {"next-hop": {lane.name: {"rank": 1}}}
                         for lane in lanes}},
            "user": {mailbox: {"available": True} for mailbox in self.mailboxes(mta)}}

    def mailboxes(self, mta):
        return [lane.recipient for lane in self.lanes[OTHER[mta]]]

    # --- the rounds

    def run(self, mtas, ledger, rounds, seed):
        """`rounds` from 300 on are every octet; fewer leave out as many between two."""
        self.feeders = [Feeder(mta, self.lanes[name], ledger, seed) for name, mta in mtas.items()]
        for feeder in self.feeders:
            feeder.start()
        self.measure()
        self.cut_small(max(1, 300 // rounds))
        self.cut_large(rounds)
        for feeder in self.feeders:
            feeder.finish.set()
        for feeder in self.feeders:
            feeder.join()

    def wait(self, condition, seconds=600):
        """Until the condition holds; raises when nothing was cut in that many seconds."""
        deadline, last = time.monotonic() + seconds, None
        while not condition():
            for feeder in self.feeders:
                if feeder.problem:
                    raise RuntimeError(feeder.problem)
            made = sum(len(plan.made) for plan in self.plans)
            if made != last:
                deadline, last = time.monotonic() + seconds, made
            if time.monotonic() > deadline:
                raise RuntimeError("nothing goes on: " + "; ".join(plan.text() for plan in self.plans))
            time.sleep(0.1)

    def measure(self):
        """Two transfers of the first lane each way pass whole."""
        for lanes in self.lanes.values():
            lanes[0].quota = 2
        self.wait(lambda: all(len(lanes[0].measured) >= 2 for lanes in self.lanes.values()))

    def cut_small(self, step):
        for sender, lanes in self.lanes.items():
            counts = {direction: min(m[direction] for m in lanes[0].measured) for direction in ("in", "out")}
            print(f"# {sender} to {OTHER[sender]}: connect, bind, a message, release: {counts['in']} octets of the "
                  f"initiator, {counts['out']} of the responder", flush=True)
            silent = max(2, sum(counts.values()) // step // SILENT_CUTS)
            for how, chosen in (("reset", lanes[:LANES // 2]), ("end", lanes[LANES // 2:LANES]),
                                ("silent", lanes[LANES:][:silent])):
                first = {direction: self.random.randrange(min(step, counts[direction])) for direction in counts}
                plan = Plan(sender, how, [Cut(direction, octets, how) for direction in counts
                                          for octets in range(first[direction], counts[direction], step)])
                self.plans.append(plan)
                for lane in chosen:
                    lane.plan = plan
        self.wait(lambda: all(plan.done for plan in self.plans))

    def cut_large(self, rounds):
        """Random octets; a resumed transfer may end before the chosen one, so more are chosen than are wanted."""
        for feeder in self.feeders:
            feeder.sizes = (20_000, 600_000)
        plans = []
        for sender, lanes in self.lanes.items():
            cuts = [Cut("in", self.random.randrange(600_000), self.random.choice(["reset", "end"]))
                    for _ in range(rounds * 3)]
            cuts += [Cut("out", self.random.randrange(2000), "reset") for _ in range(rounds)]
            self.random.shuffle(cuts)
            plan = Plan(sender, "large", cuts)
            plans.append(plan)
            for lane in lanes:
                lane.plan = plan
        self.wait(lambda: sum(len(plan.made) for plan in plans) >= rounds or all(plan.done for plan in plans))
        for plan in plans:
            plan.over = True
        self.large = sum(len(plan.made) for plan in plans)

    def report(self):
        """Prints the coverage; true when each octet that was to be cut was cut."""
        for plan in self.plans:
            print(f"#   {plan.text()}", flush=True)
        wanted, made = (sum(len(cuts) for cuts in sets) for sets in
                        ([plan.wanted for plan in self.plans], [plan.made for plan in self.plans]))
        print(f"# octets cut: {made} of {wanted}; transfers of 20 to 600 kB cut after random octets: {self.large}",
              flush=True)
        return made == wanted > 0 and self.large > 0

    def close(self):
        for lanes in self.lanes.values():
            for lane in lanes:
                lane.proxy.close()

