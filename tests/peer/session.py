"""SPDUs of X.225: their codes, parameters and concatenation."""

# SPDU identifiers (X.225 section 8). GT and PT stand first in a TSDU with concatenation; DT has GT's code.
GT = DT = 1
PT = 2
PREPARE = 7
FN, DN, RF, CN, AC, CDO, OA = 9, 10, 12, 13, 14, 15, 16
GTC, GTA = 21, 22
AB = AI = 25
AA = AIA = 26
AR, MAP, MAA, AS, ED, MIP, MIA, AD, ADA = 29, 41, 42, 45, 48, 49, 50, 57, 58
ER = 0
AE, AEA = MAP, MAA
TYPED, EXPEDITED = 33, 5
NAMES = {GT: "GT/DT", PT: "PT", FN: "FN", DN: "DN", RF: "RF", CN: "CN", AC: "AC", CDO: "CDO", OA: "OA", GTC: "GTC",
         GTA: "GTA", AB: "AB/AI", AA: "AA/AIA", AR: "AR", MAP: "MAP/AE", MAA: "MAA/AEA", AS: "AS", ED: "ED",
         MIP: "MIP", MIA: "MIA", AD: "AD", ADA: "ADA", ER: "ER", PREPARE: "PR"}

# Parameters
PGI_CONNECTION_IDENTIFIER, PGI_CONNECT_ACCEPT, PGI_LINKING, PGI_USER_DATA, PGI_EXTENDED_USER_DATA = 1, 5, 33, 193, 194
PI_CALLED_REFERENCE, PI_CALLING_REFERENCE, PI_COMMON_REFERENCE, PI_ADDITIONAL_REFERENCE = 9, 10, 11, 12
PI_SYNC_TYPE, PI_TOKEN, PI_TRANSPORT_DISCONNECT, PI_OPTIONS, PI_REQUIREMENTS, PI_TSDU_SIZE, PI_VERSION = \
    15, 16, 17, 19, 20, 21, 22
PI_INITIAL_SERIAL, PI_PREPARE_TYPE, PI_ENCLOSURE, PI_TOKEN_SETTING = 23, 24, 25, 26
PI_ACTIVITY, PI_SERIAL, PI_REFLECT, PI_REASON, PI_CALLING_SELECTOR, PI_CALLED_SELECTOR = 41, 42, 49, 50, 51, 52
PI_DATA_OVERFLOW = 60
GROUPS = {PGI_CONNECTION_IDENTIFIER, PGI_CONNECT_ACCEPT, PGI_LINKING}

RTSE_REQUIREMENTS = 0x0249
DATA_TOKEN, MINOR_TOKEN, MAJOR_TOKEN, RELEASE_TOKEN = 0x01, 0x04, 0x10, 0x40

# Category 0 SPDUs may stand first in a TSDU, before one of category 2; all others stand alone.


# A parameter and a group that every SPDU gets in addition: what a later version might know (x228.later_version).
extra = b""


def length(count):
    return bytes([count]) if count < 255 else b"\xff" + count.to_bytes(2, "big")


def _read_length(octets, at):
    if octets[at] == 255:
        return int.from_bytes(octets[at + 1:at + 3], "big"), at + 3
    return octets[at], at + 1


def parameter(code, value):
    return bytes([code]) + length(len(value)) + value


def group(code, *parameters):
    return parameter(code, b"".join(parameters))


def spdu(si, *parameters, data=b""):
    """One SPDU: its parameters have a length, the user information field of a DT follows without one."""
    body = b"".join(parameters) + extra
    return bytes([si]) + length(len(body)) + body + data


GIVE = spdu(GT)
PLEASE = spdu(PT)


class Spdu:
    """One SPDU as received: `si`, `parameters` (groups flattened), `data` (the user information of a DT)."""

    def __init__(self, si, parameters, data=b"", first=None):
        self.si, self.parameters, self.data, self.first = si, parameters, data, first

    def __repr__(self):
        return f"{NAMES.get(self.si, self.si)} {{{', '.join(f'{k}: {v.hex()}' for k, v in self.parameters.items())}}}"

    @property
    def user_data(self):
        return self.parameters.get(PGI_USER_DATA, self.parameters.get(PGI_EXTENDED_USER_DATA, b""))

    @property
    def serial(self):
        return int(self.parameters[PI_SERIAL])


def read_parameters(octets):
    found, at = {}, 0
    while at < len(octets):
        code = octets[at]
        size, at = _read_length(octets, at + 1)
        value = octets[at:at + size]
        if len(value) != size:
            raise ValueError(f"parameter {code} is cut off")
        at += size
        if code in GROUPS:
            found.update(read_parameters(value))
        found[code] = value
    return found


def _read_one(octets, at):
    si = octets[at]
    size, at = _read_length(octets, at + 1)
    if at + size > len(octets):
        raise ValueError(f"SPDU {si} is cut off")
    return si, read_parameters(octets[at:at + size]), at + size


def read_tsdu(tsdu):
    """The SPDU that a TSDU holds; `first` is the category 0 SPDU in front of it, its code and parameters, or None."""
    si, parameters, at = _read_one(tsdu, 0)
    if si not in (GT, PT) or at == len(tsdu):
        return Spdu(si, parameters)
    first = (si, parameters)
    si, parameters, at = _read_one(tsdu, at)
    return Spdu(si, parameters, tsdu[at:], first)
