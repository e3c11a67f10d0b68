#!/usr/bin/python3
"""A neighbour, bound by name and password, that gives one name twice: its session connection identifier to several
associations, its activity identifiers to several messages. What it is told to have been taken is there, once and with its
own content; nobody else is disturbed."""
import contextlib
import os
import random

from players import BEN, FAY, SANITIZER, Stage, Unharmed, folder, text_message
from peer import ber, tap, x228, x411
from peer.association import ENDED, NOT_TAKEN, Association
from peer.transport import Unexpected
from scenario.chasqui import peer_section

case, check, equal = tap.case, tap.check, tap.equal
EVIL = "/C=SE/A=EVIL"
EVE = f"{EVIL}/S=eve"
KB = 1024               # the checkpoint size of these associations


def namesake(stage, identifier=None, **options):
    """An association of NEAR by that session connection identifier, whoever else has it."""
    names = identifier or (ber.octets(os.urandom(6)), ber.utctime(x411.now()))

    class Namesake(Association):
        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            self.reference, self.common = names
    values = dict(mta="NEAR", password="near's secret", checkpoint=1)
    values.update(options)
    return Namesake.open(stage.mta.port, **values)


class Letter:
    """A message whose content is its own: (the value of its transfer, the content that has to arrive)."""

    def __init__(self, label, octets, recipients=(FAY,), **options):
        words = f"{label} "
        self.label, self.apdu = label, text_message(label, list(recipients), words * (octets // len(words)), **options)
        self.value = x228.transfer_value("normal", self.apdu)
        self.content = x411.Received(self.apdu).content


def go_to(peer, letter, segments):
    """Sends the first segments, each with its checkpoint, and awaits that they are confirmed."""
    peer.start_activity()
    peer.send_segments(letter.value, stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()


def end(peer, letter, segments):
    """Sends what is left after them. True: it was confirmed."""
    try:
        peer.send_segments(letter.value[segments * KB:])
        peer.end_activity()
    except NOT_TAKEN:
        return False
    return True


def anew(stage, letter):
    with stage.call(checkpoint=1) as peer:
        peer.transfer(letter.apdu)
        peer.release()


def arrive(stage, letters):
    """They come to FAR, in any order, each once and as it was sent, and nothing else does."""
    wanted = {letter.label: letter.content for letter in letters}
    for _ in letters:
        got = stage.far.next()
        check(wanted.pop(got.identifier[1], None) == got.content, f"{got.identifier[1]} is not what was sent, or came twice")
    check(stage.far.nothing(0.5), "more came than was sent")


@case("two associations of one identifier send at once, by the same activity identifiers: both messages are there")
def _():
    evil = peer_section(1, "EVIL", "evil's secret", domain=EVIL, first_retry=3600, longest_retry=3600)
    with folder() as path, Stage(path, environment=SANITIZER, more_peers={"EVIL": evil},
                                 more_routes={EVIL: {"next-hop": {"EVIL": {"rank": 1}}}}) as stage, Unharmed(stage) as attack:
        sent = {}
        for turn, octets in enumerate((5000, 20_000, 150_000)):
            names = ber.octets(b"same%d" % turn), ber.utctime(x411.now())
            pair = [namesake(stage, names, mta="EVIL", password="evil's secret") for _ in range(2)]
            letters = [Letter(f"{way}-{turn}", octets, [BEN], originator=EVE, domain=EVIL) for way in ("one", "other")]
            for peer, letter in zip(pair, letters):
                go_to(peer, letter, 3)
            attack.served(f"between-{turn}")
            for peer, letter in reversed(list(zip(pair, letters))):
                check(end(peer, letter, 3), f"{letter.label} was not taken")
                sent[letter.label] = letter.content
                peer.release()
            attack.served(f"turn-{turn}")
        with stage.mta.client() as client:
            equal(contents_of(client, BEN), sent)
        attack.logged("peer=EVIL", "one name", "begins anew")


def contents_of(client, mailbox):
    """{local identifier: content} of a mailbox, each of them once."""
    entries = client.entries(mailbox)
    found = {e["mts-identifier"].rstrip("]").rpartition(";")[2]: client.content(mailbox, e["entry"]) for e in entries}
    equal(len(found), len(entries), "an identifier twice")
    return found


@case("long messages of two such associations, at once and one within the other, are all passed on")
def _():
    with folder() as path, Stage(path, environment=SANITIZER) as stage, Unharmed(stage) as attack:
        names = ber.octets(b"long"), ber.utctime(x411.now())
        for turn, octets in enumerate((20_000, 60_000, 150_000, 400_000)):
            one, other = Letter(f"q-{turn}", octets), Letter(f"w-{turn}", octets)
            first, second = namesake(stage, names), namesake(stage, names)
            go_to(first, one, 3)
            begun = 3 if turn % 2 else 0
            if begun:
                go_to(second, other, begun)
            else:
                second.start_activity()
            check(end(first, one, 3) and end(second, other, begun), "one of them was not taken")
            arrive(stage, [one, other])
            for peer in (first, second):
                peer.close()
        attack.served("long")


@case("the rest of one message is never put to the beginning of another")
def _():
    with folder() as path, Stage(path, environment=SANITIZER) as stage, Unharmed(stage) as attack:
        for turn, leave in enumerate((Association.interrupt, Association.discard, Association.cut)):
            names = ber.octets(b"mixed%d" % turn), ber.utctime(x411.now())
            one, other = Letter(f"head-{turn}", 9000), Letter(f"tail-{turn}", 9000)
            for letter in (one, other):                 # the one has ended when the other begins
                with namesake(stage, names) as peer:
                    go_to(peer, letter, 3)
                    leave(peer)
            for letter in (one, other):
                with namesake(stage) as again:
                    again.resume_activity(ber.integer(1), 3, *names)
                    check(not end(again, letter, 3), f"{letter.label} was confirmed by what came of another")
                anew(stage, letter)
            arrive(stage, [one, other])
        attack.served("mixed")


@case("the answer to one message never confirms another of its names")
def _():
    with folder() as path, Stage(path, environment=SANITIZER) as stage, Unharmed(stage) as attack:
        for turn, leave in enumerate((Association.cut, Association.discard, Association.interrupt)):
            for segments in (0, 3):
                names = ber.octets(b"answer%d%d" % (turn, segments)), ber.utctime(x411.now())
                taken, left = Letter(f"taken-{turn}-{segments}", 9000), Letter(f"left-{turn}-{segments}", 9000)
                with namesake(stage, names) as first, namesake(stage, names) as second:
                    first.start_activity()
                    go_to(second, left, segments) if segments else second.start_activity()
                    check(end(first, taken, 0), "it was not taken")
                    leave(second)
                for serial in {segments, 1}:
                    with namesake(stage) as again:
                        again.resume_activity(ber.integer(1), serial, *names)
                        check(not end(again, left, serial), f"{left.label} was confirmed, of which {segments} kB had come")
                anew(stage, left)
                anew(stage, taken)                      # a repeat: confirmed, and not passed on again
                arrive(stage, [taken, left])
        attack.served("answer")


@case("who comes back by the identifier that it had gets all of its mail through: what broke begins anew")
def _():
    with folder() as path, Stage(path, environment=SANITIZER) as stage:
        names = ber.octets(b"back"), ber.utctime(x411.now())
        with Unharmed(stage) as attack:
            broken = Letter("broken", 9000)
            peer = namesake(stage, names)
            go_to(peer, broken, 3)
            peer.cut()
            with namesake(stage, names) as again:           # within the second, say
                again.resume_activity(ber.integer(1), 3, *names)
                check(not end(again, broken, 3), "it was gone on with")
            with namesake(stage, names) as again:
                again.transfer(broken.apdu)
                letters = [Letter(f"more-{i}", 9000) for i in range(3)]
                for letter in letters:
                    again.transfer(letter.apdu)
                again.release()
            arrive(stage, [broken, *letters])
            attack.served("back")
        stage.mta.stop()
        stage.mta.start()
        with namesake(stage, names) as after:
            last = Letter("last", 9000)
            go_to(after, last, 3)
            after.cut()
        with namesake(stage, names) as again:           # of the third one by that name
            again.resume_activity(ber.integer(1), 3, *names)
            check(not end(again, last, 3), "it was gone on with")
        anew(stage, last)
        arrive(stage, [last])


class Walk:
    """Four associations, three of one identifier, that begin, go on, break off, resume and end, as the dice say."""

    def __init__(self, stage, dice, label):
        self.stage, self.dice, self.label = stage, dice, label
        self.names = ber.octets(os.urandom(6)), ber.utctime(x411.now())
        self.peers, self.left, self.letters, self.confirmed = {}, [], [], []

    def step(self):
        slot = self.dice.randrange(4)
        peer = self.peers.get(slot)
        try:
            if not peer:
                self.peers[slot] = namesake(self.stage, self.names if slot else None)
                self.peers[slot].letter = None
            elif peer.letter:
                self.go_on(peer, slot)
            elif self.left and self.dice.random() < 0.6:
                letter, activity, serial, names = self.dice.choice(self.left)
                if letter not in self.confirmed:
                    peer.letter = letter
                    peer.resume_activity(activity, serial, *names)
            else:
                letter = Letter(f"{self.label}-{len(self.letters)}", self.dice.choice([3000, 9000, 9000, 30_000]))
                self.letters.append(letter)
                peer.letter = letter
                peer.start_activity(self.dice.choice([None, ber.integer(1)]))
        except (*NOT_TAKEN, Unexpected):
            self.drop(slot)

    def go_on(self, peer, slot):
        at = peer.sent_serial
        what = self.dice.random()
        rest = -(-len(peer.letter.value) // KB) - at
        if what < 0.4 and rest > 1:
            peer.send_segments(peer.letter.value[at * KB:], stop_after=self.dice.randint(1, rest - 1))
            while peer.acknowledged < peer.sent_serial:
                peer.await_acknowledgement()
        elif what < 0.65:
            peer.send_segments(peer.letter.value[at * KB:])
            peer.end_activity()
            self.confirmed.append(peer.letter)
            peer.letter = None
        else:
            self.left.append((peer.letter, peer.activity_identifier, peer.acknowledged, peer.identifier))
            if what < 0.85:
                peer.interrupt()
                peer.letter = None
            else:
                peer.cut()
                del self.peers[slot]

    def drop(self, slot):
        with contextlib.suppress(*ENDED):
            self.peers.pop(slot).close()


@case("whatever such a neighbour does in any order, what was confirmed is passed on once, with its own content")
def _():
    with folder() as path, Stage(path, environment=SANITIZER) as stage, Unharmed(stage) as attack:
        confirmed = 0
        for turn in range(25):
            walk = Walk(stage, random.Random(turn), f"walk-{turn}")
            for _ in range(40):
                walk.step()
            for slot in list(walk.peers):
                walk.drop(slot)
            sent = {letter.label: letter.content for letter in walk.letters}
            missing = {letter.label for letter in walk.confirmed}
            confirmed += len(missing)
            after = Letter(f"after-{turn}", 100)
            stage.hand_over(after.apdu)
            sent[after.label] = after.content
            missing.add(after.label)
            while missing:
                got = stage.far.next()
                check(sent.pop(got.identifier[1], None) == got.content, f"{got.identifier[1]}: another content, or twice")
                missing.discard(got.identifier[1])
        tap.note(f"{confirmed} messages were confirmed")
        check(confirmed > 25, "too few came to an end")
        attack.served("walk", among=9)


tap.main()
