"""A P1 association as a play: bind, transfer, resume, refuse. One class serves initiator and responder.

Modes: "normal" (X.228 normal mode, ACSE and presentation), "x410" (X.410-1984 mode, 1988 content, application
protocol 12) and "1984" (the same with application protocol 1).

    peer = Association.open(port, mta="PEER", password="secret")
    peer.transfer(apdu)
    peer.release()
"""
import os
import time

from . import ber, session as s, x228
from .tap import PATIENCE
from .transport import Transport, Closed, Refused, Unexpected  # noqa: F401  (offered to the plays)

CONTEXT_ACSE, CONTEXT_RTSE, CONTEXT_MTSE = 1, 3, 5
BUSY, AUTHENTICATION_ERROR, UNACCEPTABLE_DIALOGUE_MODE, UNACCEPTABLE_SECURITY_CONTEXT = 0, 2, 3, 4


class BindRefused(Exception):
    """The association was refused. `reason`: the bind error, or the refuse reason of X.410 mode; `layer` says whose."""

    def __init__(self, layer, reason, octets=b""):
        super().__init__(f"refused by {layer}, reason {reason}")
        self.layer, self.reason, self.octets = layer, reason, octets


class Aborted(Exception):
    """The other end aborted. `spdu` is the ABORT, `rtab` the abort reason of X.228, or None."""

    def __init__(self, spdu):
        self.spdu, self.rtab = spdu, x228.abort_reason(spdu.user_data)
        super().__init__(f"aborted: {spdu!r}, abort reason {self.rtab}")


class Excepted(Exception):
    """The other end reported an exception instead of a confirmation. `reason` is X.225's."""

    def __init__(self, spdu):
        self.reason = spdu.parameters.get(s.PI_REASON, b"")
        super().__init__(f"exception {spdu!r}")


# How the other end, or the network, may end what a script plays. All else that a script raises is a fault of the play.
ENDED = (OSError, Closed, Aborted)
NOT_TAKEN = (*ENDED, BindRefused, Excepted)     # the same, or it says no


class Association:
    """What both ends know: the mode, the checkpoint size in KiB, the window, the session's references."""

    def __init__(self, transport, mode="normal", mta="PEER", password="secret", checkpoint=1, window=3):
        self.transport, self.mode, self.mta, self.password = transport, mode, mta, password
        self.checkpoint, self.window = checkpoint, window
        self.acknowledged = 0
        self.sent_serial = 0
        self.reference = ber.octets(os.urandom(6)) if mode == "normal" else ber.teletex(os.urandom(3).hex())
        self.common = ber.utctime(time.strftime("%y%m%d%H%M%SZ", time.gmtime()))
        self.activity = 0
        self.called_mta = None
        self.tsdu_max = 0

    # --- association, as initiator

    @classmethod
    def open(cls, port, host="127.0.0.1", called=b"", timeout=PATIENCE, size_code=11, recover=None, selectors=None,
             dialogue=0, authenticated=True, bind=None, contexts=None, extra_cr=b"", tokens=b"\0",
             versions=(None, None), **options):
        """Connects and binds. `recover`: (reference, common) of the association to recover, which carries no bind.
        `bind`: octets that replace the bind argument. `tokens`: the token setting item. Raises BindRefused, Aborted, Closed."""
        peer = cls(Transport.dial(port, host, timeout=timeout), **options)
        peer.transport.connect(called=called, size_code=size_code, extra=extra_cr)
        if recover:
            peer.reference, peer.common = recover[0], recover[1]
            data = x228.recover(*recover)
        else:
            data = bind if bind is not None else x228.bind_argument(peer.mode, peer.mta if authenticated else None,
                                                                    peer.password)
            data = ber.ctx(0, data)
        if recover:
            peer.reference = ber.octets(os.urandom(6)) if peer.mode == "normal" else ber.teletex(os.urandom(3).hex())
        peer.send_connect(x228.open_request(peer.checkpoint, peer.window, data, peer.mode, dialogue),
                          selectors, contexts, tokens, versions)
        peer.read_accept()
        return peer

    def send_connect(self, rtorq, selectors=None, contexts=None, tokens=b"\0", versions=(None, None)):
        parameters = [s.group(s.PGI_CONNECTION_IDENTIFIER, s.parameter(s.PI_CALLING_REFERENCE, self.reference),
                              s.parameter(s.PI_COMMON_REFERENCE, self.common)),
                      s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\3"),
                              s.parameter(s.PI_TOKEN_SETTING, tokens)),
                      s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big"))]
        if selectors:
            parameters += [s.parameter(s.PI_CALLING_SELECTOR, selectors[0]),
                           s.parameter(s.PI_CALLED_SELECTOR, selectors[1])]
        self.send_connect_spdu(parameters, x228.connect_ppdu(self.mode, rtorq, contexts, versions))

    def send_connect_spdu(self, parameters, user_data):
        self.transport.send(s.spdu(s.CN, *parameters, s.parameter(s.PGI_USER_DATA, user_data)))

    def read_accept(self):
        spdu = self.receive_spdu()
        if spdu.si == s.RF:
            raise x228.refusal(BindRefused, self.mode, spdu.parameters.get(s.PI_REASON, b""))
        if spdu.si != s.AC:
            raise Unexpected(f"{spdu!r} for an AC")
        self.accept_spdu = spdu
        rtoac = x228.accepted_rtoac(self.mode, spdu.user_data)
        fields = x228.read_rtoac(rtoac)
        self.checkpoint = fields["checkpoint"]
        self.window = fields["window"]
        self.bind_result = fields["data"]

    # --- association, as responder

    def accept(self, size_code=11, refuse=None, recover=True, checkpoint=None, window=None, result=None, answer=None):
        """Awaits CR, CN; answers AC or RF. `refuse`: the bind error to refuse with. `answer`: the checkpoint size and
        window to answer, whatever was proposed. After it `self.recovered` is the
        identifier of the association that the initiator recovers, or None; `self.bind_argument` the bind's node."""
        self.transport.accept(size_code)
        spdu = self.receive_spdu()
        if spdu.si != s.CN:
            raise Unexpected(f"{spdu!r} for a CN")
        self.connect_spdu = spdu
        self.reference = spdu.parameters.get(s.PI_CALLING_REFERENCE, b"")
        self.common = spdu.parameters.get(s.PI_COMMON_REFERENCE, b"")
        self.mode, rtorq, self.contexts = x228.read_connect(spdu.user_data)
        fields = x228.read_rtorq(rtorq)
        if self.mode != "normal" and fields["protocol"] == 1:
            self.mode = "1984"
        self.dialogue = fields["dialogue"]
        self.recovered, self.bind_argument = fields["recover"], fields["data"]
        self.checkpoint = min(fields["checkpoint"] or 1, self.checkpoint if checkpoint is None else checkpoint)
        self.window = min(fields["window"], self.window if window is None else window)
        self.checkpoint, self.window = answer or (self.checkpoint, self.window)
        if refuse is not None or (self.recovered and not recover):
            self.refuse(refuse)
            return self
        data = x228.recover(*self.recovered) if self.recovered else ber.ctx(
            0, result or x228.bind_result(self.mode, self.mta, self.password))
        self.send_accept(x228.open_accept(self.checkpoint, self.window, data))
        return self

    def send_accept(self, rtoac):
        version = b"\2" if self.connect_spdu.parameters.get(s.PI_VERSION, b"\1")[0] & 2 else b"\1"
        self.transport.send(s.spdu(
            s.AC,
            s.group(s.PGI_CONNECTION_IDENTIFIER, s.parameter(s.PI_CALLED_REFERENCE, self.reference),
                    s.parameter(s.PI_COMMON_REFERENCE, self.common)),
            s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, version),
                    s.parameter(s.PI_TOKEN_SETTING, b"\0")),
            s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big")),
            s.parameter(s.PGI_USER_DATA, x228.accept_ppdu(self.mode, rtoac, len(self.contexts)))))

    def refuse(self, error):
        """Refuses the CN that `accept` has read: with the bind error, or, when it is None, with cannotRecover."""
        body = x228.refuse_ppdu(self.mode, error, self.contexts)
        self.transport.send(s.spdu(s.RF, s.parameter(s.PI_TRANSPORT_DISCONNECT, b"\1"),
                                   s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big")),
                                   s.parameter(s.PI_REASON, b"\2" + body)))

    # --- SPDUs

    def receive_spdu(self):
        """The next SPDU. An ABORT raises Aborted."""
        spdu = s.read_tsdu(self.transport.receive())
        if spdu.si == s.AB and spdu.first is None and s.PI_TRANSPORT_DISCONNECT in spdu.parameters:
            raise Aborted(spdu)
        return spdu

    def expect(self, si):
        spdu = self.receive_spdu()
        if spdu.si in (s.ED, s.ER) and si not in (s.ED, s.ER):
            raise Excepted(spdu)
        if spdu.si != si:
            raise Unexpected(f"{spdu!r} for {s.NAMES[si]}")
        return spdu

    def give(self, *octets):
        """Sends an SPDU of the token's holder, with the GIVE TOKENS that basic concatenation asks for."""
        self.transport.send(s.GIVE + b"".join(octets))

    def please(self, *octets):
        self.transport.send(s.PLEASE + b"".join(octets))

    # --- transfer, as sender

    def transfer(self, apdu, segment=None):
        """Transfers a whole APDU and awaits its confirmation."""
        self.start_activity()
        self.send_segments(x228.transfer_value(self.mode, apdu), segment)
        self.end_activity()

    def start_activity(self, identifier=None):
        self.activity += 1
        self.activity_identifier = identifier or ber.integer(self.activity)
        self.sent_serial = self.acknowledged = 0
        self.give(s.spdu(s.AS, s.parameter(s.PI_ACTIVITY, self.activity_identifier)))

    def resume_activity(self, old_identifier, serial, old_reference=None, old_common=None, identifier=None,
                        code=s.PI_CALLING_REFERENCE):
        """Resumes an activity; with `old_reference` that of another session connection, as X.225 has it in AR."""
        linking = [s.parameter(code, old_reference)] if old_reference else []
        linking += [s.parameter(s.PI_COMMON_REFERENCE, old_common)] if old_common else []
        linking += [s.parameter(s.PI_ACTIVITY, old_identifier), s.parameter(s.PI_SERIAL, str(serial).encode())]
        self.activity += 1
        self.activity_identifier = identifier or ber.integer(self.activity)
        self.sent_serial = self.acknowledged = serial
        self.give(s.spdu(s.AR, s.group(s.PGI_LINKING, *linking),
                         s.parameter(s.PI_ACTIVITY, self.activity_identifier)))

    def send_segments(self, value, segment=None, stop_after=None):
        """Sends the value in segments of the checkpoint size, a minor sync between two of them; never more than the
        window unacknowledged. `stop_after`: the number of segments after which to stop, with its checkpoint sent."""
        step = segment or self.checkpoint * 1024 or max(len(value), 1)
        parts = [value[i:i + step] for i in range(0, len(value), step)] or [b""]
        for i, part in enumerate(parts):
            self.send_data(part)
            if i < len(parts) - 1 and self.checkpoint:
                self.minor_sync()
            if stop_after is not None and i + 1 == stop_after:
                return
        while self.acknowledged < self.sent_serial:
            self.await_acknowledgement()

    def send_data(self, octets):
        """One RTTR: an OCTET STRING in normal mode, the bare octets in X.410 mode."""
        self.give(s.DT.to_bytes(1, "big") + b"\0" + x228.data_ppdu(self.mode, octets))

    def minor_sync(self):
        while self.sent_serial - self.acknowledged >= self.window:
            self.await_acknowledgement()
        self.sent_serial += 1
        self.give(s.spdu(s.MIP, s.parameter(s.PI_SERIAL, str(self.sent_serial).encode())))

    def await_acknowledgement(self):
        self.acknowledged = self.expect(s.MIA).serial

    def end_activity(self):
        self.send_end()
        self.await_end()

    def send_end(self):
        self.sent_serial += 1
        self.give(s.spdu(s.AE, s.parameter(s.PI_SERIAL, str(self.sent_serial).encode())))

    def await_end(self):
        serial = self.expect(s.AEA).serial
        if serial != self.sent_serial:
            raise Unexpected(f"AEA {serial} for {self.sent_serial}")

    def interrupt(self, reason=b""):
        self.give(s.spdu(s.AI, *([s.parameter(s.PI_REASON, reason)] if reason else [])))
        self.expect(s.AIA)

    def discard(self, reason=b""):
        self.give(s.spdu(s.AD, *([s.parameter(s.PI_REASON, reason)] if reason else [])))
        self.expect(s.ADA)

    # --- transfer, as receiver

    def receive(self, acknowledge=True, hook=None, before_confirm=None):
        """Receives one activity and confirms it: returns the MTS-APDU. None after a release or the end of the
        association. `hook(spdu, octets so far)` is called on each SPDU and may raise to end the play;
        `before_confirm(apdu)` when all is there and not yet confirmed."""
        value = bytearray()
        while True:
            try:
                spdu = self.receive_spdu()
            except Closed:
                return None
            if hook:
                hook(spdu, len(value))
            if spdu.si in (s.AS, s.AR):
                value = value if spdu.si == s.AR else bytearray()
                self.activity_identifier = spdu.parameters[s.PI_ACTIVITY]
            elif spdu.si == s.DT and spdu.first:
                value += x228.data_octets(self.mode, spdu.data)
            elif spdu.si == s.MIP:
                if acknowledge:
                    self.please(s.spdu(s.MIA, s.parameter(s.PI_SERIAL, spdu.parameters[s.PI_SERIAL])))
            elif spdu.si == s.AE:
                apdu = x228.apdu(self.mode, bytes(value))
                if before_confirm:
                    before_confirm(apdu)
                self.confirm(spdu)
                return apdu
            elif spdu.si in (s.AI, s.AD):
                self.please(s.spdu(spdu.si + 1))
                value = value if spdu.si == s.AI else b""
            elif spdu.si == s.FN:
                self.answer_release()
                return None
            else:
                raise Unexpected(repr(spdu))

    def confirm(self, end):
        self.please(s.spdu(s.AEA, s.parameter(s.PI_SERIAL, end.parameters[s.PI_SERIAL])))

    def report_exception(self, reason=b"\0"):
        """S-U-EXCEPTION-REPORT; reasons of X.225: 0 none, 1 receiving ability jeopardized, 3 sequence error,
        5 local error, 6 procedural error, 128 demand data token."""
        self.please(s.spdu(s.ED, s.parameter(s.PI_REASON, reason)))

    # --- end

    def release(self):
        self.transport.send(s.spdu(s.FN, s.parameter(s.PI_TRANSPORT_DISCONNECT, b"\1"),
                                   *x228.release_parameters(self.mode, s.PGI_USER_DATA, True)))
        self.expect(s.DN)
        self.close()

    def answer_release(self):
        self.transport.send(s.spdu(s.DN, *x228.release_parameters(self.mode, s.PGI_USER_DATA, False)))

    def abort(self, reason=None):
        """U-ABORT, with RTAB's abort reason when given."""
        self.transport.send(s.spdu(s.AB, s.parameter(s.PI_TRANSPORT_DISCONNECT, b"\3"),
                                   *x228.abort_parameters(self.mode, s.PGI_USER_DATA, reason)))

    def close(self):
        self.transport.close()

    def cut(self):
        """Breaks the connection as a dead machine does: no release, no abort, a TCP reset."""
        self.transport.reset()

    @property
    def identifier(self):
        """The session connection identifier by which this association can be recovered."""
        return self.reference, self.common

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
