#!/usr/bin/python3
"""ASN.1 as people meet it: `mhs decode` and `mhs encode` on real APDUs, whole and broken, and what the compiler says."""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
from peer import ber, tap  # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
SOURCE = os.environ["CHASQUI_SOURCE"]
MHS = os.path.join(os.environ["CHASQUI_BUILD"], "src/mhs/mhs")
CAPTURES = sorted(glob.glob(f"{SOURCE}/tests/unit/schema/captures/*.ber"))


def mhs(*words, octets=b""):
    """Exit status, standard output, standard error."""
    done = subprocess.run([MHS, *words], input=octets, capture_output=True, timeout=60)
    check(done.returncode in (0, 1, 5), f"{words}: exit {done.returncode}: {done.stderr[-2000:]}")
    return done.returncode, done.stdout, done.stderr.decode()


def decode(octets, *words):
    return mhs("decode", *words, octets=octets)


def encode(value):
    status, octets, error = mhs("encode", octets=json.dumps(value).encode())
    equal(status, 0, error)
    return octets


def as_json(octets):
    status, text, error = decode(octets, "--json")
    equal(status, 0, error)
    return json.loads(text)


@case("real APDUs become JSON and octets again, the same values")
def round_trip():
    check(len(CAPTURES) > 10, "the captures are there")
    for path in CAPTURES:
        with open(path, "rb") as file:
            sent = file.read()
        value = as_json(sent)
        equal(encode(value), sent, path)
        value.pop("@octets", None)  # the sender's lengths may be of another form
        octets = encode(value)
        equal(as_json(octets), value, path)
        equal(encode(as_json(octets)), octets, path)


@case("a broken APDU is printed as far as it goes, with where and why it stopped")
def truncated():
    for path in CAPTURES[::3]:
        with open(path, "rb") as file:
            octets = file.read()
        for size in range(1, min(len(octets), 700), 23):
            status, text, error = decode(octets[:size], "--json")
            equal(status, 1, f"{path} cut at {size}")
            check("stops at octet" in error, error)
            told = json.loads(text)["@error"]
            check(told["offset"] <= size and told["text"], told)
            status, text, error = decode(octets[:size])
            check(text and b"::=" in text, "value notation of what is there")


@case("a broken APDU is told by its edition: an envelope of 1988 has extensions, one of 1984 none")
def edition():
    domain = "630C61021300620213001302756B"
    identifier = "6413" + domain + "16036D2D31"
    odd = "650403020520"  # encoded information types without their [0], as EAN writes them
    for more, wanted in (("", b"MPDU"), ("A300", b"MTS-APDU")):
        envelope = bytes.fromhex(identifier + "60023000" + odd + "460102" + more + "4A0362656E")
        message = b"\x31" + bytes([len(envelope)]) + envelope + b"\x04\x00"
        status, text, error = decode(b"\xA0" + bytes([len(message)]) + message)
        equal(status, 5, error)
        check(text.startswith(wanted + b" ::= "), text)
        check("with tag BIT STRING" in error, error)
        check(b'"ben"' in text, "what stands behind it")
        # All that was passed over is told, and what is missing is marked.
        lacking = {"recipients", "traceInformation"} if wanted == b"MPDU" else {"per-recipient-fields", "trace-information"}
        passed = json.loads(decode(b"\xA0" + bytes([len(message)]) + message, "--json")[1])["@complaints"]
        check(lacking <= {item.get("missing") for item in passed}, passed)
        for name in lacking:
            check(f"{name} -- missing --".encode() in text, text)
            check(f"ends without its '{name}'" in error, error)
        check(b"local-identifier -- missing --" not in text, text)
        check(any(item["text"].endswith("with tag BIT STRING") for item in passed), passed)
        check(all(item["path"] or item["offset"] for item in passed), passed)


HELLO = ber.ctx(0, ber.set_(), ber.tlv(ber.UNIVERSAL, 22, False, b"Hello!"))
IDENTIFIER = ber.app(11, ber.tlv(ber.UNIVERSAL, 19, False, b"M-1"))


def message(heading, body, wrap=ber.ctx):
    """A P2 of these elements of a heading and this body."""
    return wrap(0, ber.tlv(ber.UNIVERSAL, 17, True, heading), body)


def indefinite(number, *parts):
    return bytes([0xA0 | number, 0x80]) + b"".join(parts) + bytes(2)


@case("decoding goes on behind faults of every kind, and says where each stands")
def goes_on():
    body = ber.seq(HELLO)
    for wrap in (ber.ctx, indefinite):
        for octets, path, words in (
                (message(IDENTIFIER + ber.prim(0, b"abc"), body, wrap), "ipm.heading.originator", "primitive form"),
                (message(IDENTIFIER + ber.prim(12, b"\1\2\3\4\5\6\7\1\2"), body, wrap), "ipm.heading.importance", "9 octets"),
                (message(IDENTIFIER + ber.prim(12, b"\x09"), body, wrap), "ipm.heading.importance", "no value of"),
                (message(IDENTIFIER + b"\xA8\x7F\x14\x01A", body, wrap), "ipm.heading", "runs out"),
                (message(IDENTIFIER + ber.ctx(8, ber.tlv(ber.UNIVERSAL, 20, False, b"x" * 129)), body, wrap),
                 "ipm.heading.subject", "ub-subject-field"),
                (message(IDENTIFIER + IDENTIFIER, body, wrap), "ipm.heading", "stands twice"),
                (message(b"", body, wrap), "ipm.heading.this-IPM", "ends without")):
            status, text, error = decode(octets, "--json", "--type", "InformationObject")
            equal(status, 5, f"{octets.hex()}: {error}")
            value = json.loads(text)
            complaint = value["@complaints"][0]
            equal(complaint["path"], path, error)
            check(words in complaint["text"] and complaint["offset"] < len(octets), complaint)
            check(f"at octet {complaint['offset']}, {path}: " in error, error)
            equal(value["@InformationObject"]["ipm"]["body"][0]["ia5-text"]["data"], "Hello!")
            status, text, error = decode(octets, "--type", "InformationObject")
            check(status == 5 and b'"Hello!"' in text, text)
    octets = message(IDENTIFIER, body)
    equal(decode(octets + b"\0\0", "--type", "InformationObject")[0], 5, "octets behind the value")


@case("a fault in a content is told as one of the APDU's, by its place in it")
def nested():
    content = message(IDENTIFIER + ber.prim(12, b"\x09"), ber.seq(HELLO))
    octets = envelope(content)
    _, text, _ = decode(octets, "--json", "--type", "Message")
    complaint = [c for c in json.loads(text)["@complaints"] if "importance" in c["path"]]
    equal([c["path"] for c in complaint], ["content.ipm.heading.importance"], str(text))
    equal(octets[complaint[0]["offset"]:][:3], ber.prim(12, b"\x09"))


@case("octets that look like nothing of X.400's are said to be unknown")
def unknown():
    for octets in (b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("30060C01610C0162"), b"\xff" * 40, b"\x0c\x03abc"):
        status, text, error = decode(octets, "--json")
        equal(status, 1, f"{octets}: {text}")
        check("unknown" in error, error)
        equal(json.loads(text), {"@unknown": octets.hex().upper()})


@case("binds and submissions are guessed")
def guessed():
    ann = {"built-in-standard-attributes": {"country-name": {"iso-3166-alpha2-code": "GB"}, "administration-domain-name": {
        "printable": "GOLD"}, "personal-name": {"surname": "ann"}}}
    for value in ({"@MTSBindArgument": {"initiator-name": {"user-agent": ann}, "initiator-credentials": {"simple": {"ia5-string": "p"}}}},
                  {"@MTABindArgument": {"authenticated": {"initiator-name": "GOLD", "initiator-credentials": {
                      "simple": {"ia5-string": "secret"}}}}},
                  {"@MessageSubmissionArgument": {"envelope": {
                      "originator-name": ann, "content-type": {"built-in": "interpersonal-messaging-1988"},
                      "per-recipient-fields": [{"recipient-name": ann, "originator-report-request": ["report"]}]},
                      "content": {"@InformationObject": {"ipm": {"heading": {"this-IPM": {"user-relative-identifier": "1"}}, "body": [
                          {"ia5-text": {"parameters": {}, "data": "hello"}}]}}}}}):
        equal(as_json(encode(value)), value)


@case("a type that is named by its module is that type, and is printed so that it is found again")
def by_module():
    _, text, _ = decode(bytes.fromhex("460102"), "--json", "--type", "x41184.ContentType")
    name, value = next(iter(json.loads(text).items()))
    equal(name, "@x41184.ContentType")
    equal(encode({name: value}), bytes.fromhex("460102"))


def envelope(content):
    """A Message of X.411 round a content, as octets."""
    france = {"country-name": {"iso-3166-alpha2-code": "FR"}, "administration-domain-name": {"printable": "NEAR"}}
    joe = {"built-in-standard-attributes": france}
    return encode({"@Message": {"envelope": {
        "message-identifier": {"global-domain-identifier": france, "local-identifier": "x"}, "originator-name": joe,
        "content-type": {"built-in": "interpersonal-messaging-1988"},
        "trace-information": [{"global-domain-identifier": france, "domain-supplied-information": {
            "arrival-time": "261129190000Z", "routing-action": "relayed"}}],
        "per-recipient-fields": [{"recipient-name": joe, "originally-specified-recipient-number": 1,
                                  "per-recipient-indicators": {"hex": "98", "unused": 0}}]},
        "content": content.hex().upper()}})


@case("what would not encode to the same octets is kept as octets")
def same_octets():
    one, two = ber.prim(12, b"\2"), ber.prim(13, b"\2")
    forms = {True: [IDENTIFIER + one + two],
             False: [IDENTIFIER + two + one,                                    # the order in a SET
                     IDENTIFIER + ber.prim(12, b"\1"),                           # a DEFAULT
                     IDENTIFIER[:1] + b"\x81" + IDENTIFIER[1:],                 # a long form of a length
                     IDENTIFIER + b"\x8c\x02\0\2"]}                            # an INTEGER longer than it must be
    for plain, headings in forms.items():
        for heading in headings:
            content = message(heading, ber.seq(HELLO))
            octets = envelope(content)
            value = json.loads(decode(octets, "--json", "--type", "Message")[1])
            shown = value["@Message"]["content"]
            equal("@octets" not in shown, plain, heading.hex())
            check(shown["@InformationObject"]["ipm"]["body"], shown)
            status, again, error = mhs("encode", octets=json.dumps({"@Message": value["@Message"]}).encode())
            check(status in (0, 5), error)
            equal(again, octets, heading.hex())
    # Zeros behind named bits, in a value that stands in an open type.
    for zeros, plain in ((b"\7\x80", True), (b"\0\x80", False)):
        octets = ber.tlv(ber.UNIVERSAL, 3, False, zeros)
        wrapped = encode({"@ExtensionField": {"type": {"private-extension": "1.2.3.4"}, "value": octets.hex().upper()}})
        value = json.loads(decode(wrapped, "--json", "--type", "ExtensionField")[1])
        equal(encode(value), wrapped)


@case("what JSON can't mean is refused")
def refused():
    for wrong, words in (({"@NumericString": "12A"}, "repertoire"), ({"@UTCTime": "991399000000Z"}, "a time like"),
                         ({"@GeneralizedTime": "soon"}, "a time like"),
                         ({"@ContentType": {"built-in": 2, "extended": "2.6.1.10.1"}}, "one alternative"),
                         ({"@ExtensionField": {"type": {"private-extension": "1.2.3.4"}, "value": "0500" "0500"}}, "no more"),
                         ({"@ExtensionField": {"type": {"private-extension": "1.2.3.4"}, "value": "0501"}}, "whole element")):
        status, _, error = mhs("encode", octets=json.dumps(wrong).encode())
        equal(status, 1, error)
        check(words in error, f"{wrong}: {error}")
    status, octets, error = mhs("encode", octets=json.dumps({"@ExtendedSubject": {"character-encoding": {
        "two-octets": "x" * 257}}}).encode())
    equal(status, 5, error)
    check("ub-extended-subject-length" in error and len(octets) > 514, error)


def through_json(octets, type_):
    """What becomes of octets that have something unknown, and the JSON between."""
    status, text, error = decode(octets, "--json", "--type", type_)
    check(status in (0, 5), f"{type_}: {error}")
    status, again, error = mhs("encode", octets=text)
    check(status in (0, 5), f"{type_}: {error}")
    return again, json.loads(text)


@case("unknown elements are written where they stood: first, between and last, whether or not the type has a marker")
def unknown_elements():
    odd = bytes.fromhex("9F1F00")
    context = ber.ctx(1, ber.tlv(ber.UNIVERSAL, 6, False, b"\x52\1\1"))
    reason, user = ber.prim(0, b"\0"), bytes.fromhex("BE00")
    mode, selector, version = ber.ctx(0, ber.prim(0, b"\1")), ber.prim(1, b"A"), ber.app_prim(0, b"")
    identifier = ber.app(4, ber.app(3, ber.app(1, ber.printable("XX")), ber.app(2, ber.printable("A"))), ber.ia5("x"))
    original, content_type = ber.app(0, ber.seq()), ber.app_prim(6, b"\2")
    for type_, parts, wrap in (
            ("RLRQ-apdu", (reason, user), lambda *parts: ber.app(2, *parts)),
            ("ABRT-apdu", (reason, user), lambda *parts: ber.app(4, *parts)),
            ("AARQ-apdu", (context, user), lambda *parts: ber.app(0, *parts)),
            ("CP-type", (selector, version), lambda *parts: ber.set_(mode, ber.ctx(2, *parts))),
            ("CP-type", (mode, ber.ctx(2, selector)), ber.set_),
            ("MessageTransferEnvelope", (identifier, original, content_type), ber.set_)):
        for unknown in (odd, bytes.fromhex("BF3203020105")):
            for at in range(len(parts) + 1):
                octets = wrap(*parts[:at], unknown, *parts[at:])
                again, value = through_json(octets, type_)
                equal(again, octets, f"{type_}, unknown at {at}")
                check(any(name[1:] == type_ for name in value), value)


@case("the outermost value keeps its octets: the order in a SET, a form of length, octets behind it")
def outermost():
    for octets in (ber.set_(ber.ctx(2, ber.prim(1, b"A")), ber.ctx(0, ber.prim(0, b"\1"))),
                   b"\x31\x81\x05" + ber.ctx(0, ber.prim(0, b"\1")), ber.set_(ber.ctx(0, ber.prim(0, b"\1"))) + b"\5\0"):
        again, value = through_json(octets, "CP-type")
        equal(again, octets)
        equal(bytes.fromhex(value["@octets"]), octets)
    usual = encode({"@CP-type": {"mode-selector": {"mode-value": "normal-mode"}}})
    equal(through_json(usual, "CP-type"), (usual, {"@CP-type": {"mode-selector": {"mode-value": "normal-mode"}}}))


@case("encode says within which hex it checked no bounds")
def unchecked():
    words = "mhs: bounds were not checked within hex at: "
    extension = {"type": {"private-extension": "1.2.3.4"}, "value": "0500"}
    for value, wanted in (({"@ExtensionField": extension}, "value"),
                          ({"@Extensions": [{**extension, "value": {"@NULL": None}}, extension]}, "1.value"),
                          (json.loads(decode(envelope(message(IDENTIFIER, ber.seq(HELLO))), "--json", "--type", "Message")[1]), None),
                          ({"@RLRQ-apdu": {"...": "9F1F00"}}, None)):
        status, _, error = mhs("encode", octets=json.dumps(value).encode())
        equal((status, error), (0, words + wanted + "\n" if wanted else ""))
    octets = envelope(message(IDENTIFIER, ber.seq(HELLO)))
    value = json.loads(decode(octets, "--json", "--type", "Message")[1])
    value["@Message"]["content"] = message(IDENTIFIER, ber.seq(HELLO)).hex()
    equal(mhs("encode", octets=json.dumps(value).encode()), (0, octets, words + "content\n"))
    again, _ = through_json(ber.app(2, bytes.fromhex("9F1F00"), ber.prim(0, b"\0")), "RLRQ-apdu")
    _, text, _ = decode(again, "--json", "--type", "RLRQ-apdu")
    equal(mhs("encode", octets=text), (0, again, words + "the outermost value\n"))
    many = [extension] * 200
    _, _, error = mhs("encode", octets=json.dumps({"@Extensions": many}).encode())
    check(error.startswith(words + "0.value, 1.value, ") and error.endswith(", and more\n") and len(error) < 1200, error)


@case("who changes a value and leaves its octets beside it is told, and encodes it without them")
def changed():
    octets = ber.app(2, bytes.fromhex("9F1F00"), ber.prim(0, b"\0"))
    _, value = through_json(octets, "RLRQ-apdu")
    value["@RLRQ-apdu"]["reason"] = "urgent"
    status, again, error = mhs("encode", octets=json.dumps(value).encode())
    equal((status, again), (1, b""), error)
    check("take '@octets' out" in error, error)
    del value["@octets"]
    equal(encode(value), ber.app(2, ber.prim(0, b"\1"), bytes.fromhex("9F1F00")))


@case("binds are opened through ACSE's, RTSE's and ROSE's wrappings")
def binds():
    bind = {"@Bind": {"bindInvoke": {"@MTABindArgument": {"authenticated": {
        "initiator-name": "GOLD", "initiator-credentials": {"simple": {"ia5-string": "secret"}}}}}}}
    value = {"@EXTERNAL": {"direct-reference": "2.1.1", "indirect-reference": 3, "encoding": {
        "single-ASN1-type": {"@RTSE-apdus": {"rtorq-apdu": {"checkpointSize": 63, "connectionDataRQ": {"open": bind}}}}}}}
    octets = encode(value)
    equal(as_json(octets), value)
    _, text, _ = decode(octets, "--offsets")
    check(b'initiator-name "GOLD"' in text and b"-- at " in text, text)


@case("what stands in extensions, tokens and contents is opened by its key")
def open_types():
    extension = {"type": {"standard-extension": 16}, "value": {"@MessageToken": {
        "token-type-identifier": "2.6.3.6.0", "token": "3000"}}}
    octets = encode({"@ExtensionField": extension})
    _, text, _ = decode(octets, "--json", "--type", "ExtensionField")
    equal(json.loads(text), {"@ExtensionField": extension})
    private = {"type": {"private-extension": "1.2.3.4"}, "value": "8003010203"}
    _, text, _ = decode(encode({"@ExtensionField": private}), "--json", "--type", "ExtensionField")
    equal(json.loads(text), {"@ExtensionField": private})


@case("an operation's argument is opened by its code")
def operations():
    value = {"@ROS": {"invoke": {"invokeId": {"present": 7}, "opcode": {"local": 8}, "argument": {"@ChangeCredentialsArgument": {
        "old-credentials": {"simple": {"ia5-string": "old"}}, "new-credentials": {"simple": {"ia5-string": "new"}}}}}}}
    _, text, _ = decode(encode(value), "--json", "--type", "ROS")
    equal(json.loads(text), value)


def compile_module(*texts):
    """Exit status, standard error and the folder's files of modules m1.asn1, m2.asn1 ..."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, text in enumerate(texts, 1):
            paths.append(os.path.join(folder, f"m{number}.asn1"))
            with open(paths[-1], "w") as file:
                file.write(text)
        done = subprocess.run([sys.executable, f"{SOURCE}/schema/compile", "--out", folder, *paths], capture_output=True,
                              text=True)
        made = {}
        for path in glob.glob(f"{folder}/*.[ch]"):
            with open(path) as file:
                made[os.path.basename(path)] = file.read()
        return done.returncode, done.stderr.replace(folder + "/", ""), made


@case("an error in a module names file, line and cause")
def errors():
    head = "M DEFINITIONS IMPLICIT TAGS ::= BEGIN\n"
    wrong = {
        "T ::= SEQUENCE {\n a INTEGER,\n b Nope }\nEND": (4, "'Nope' is neither defined nor imported"),
        "T ::= SEQUENCE {\n a INTEGER\n b BOOLEAN }\nEND": (4, "expected ',' or '}'"),
        "T ::= SEQUENCE { a INTEGER": (2, "end of file"),
        "T ::= SET { a [0] INTEGER,\n b [0] BOOLEAN }\nEND": (3, "have the same tag"),
        "T ::= INTEGER (0..ub-none)\nEND": (2, "'ub-none' is neither defined nor imported"),
        "T ::= INTEGER\nT ::= BOOLEAN\nEND": (3, "defined twice"),
        "T ::= T\nEND": (2, "defined by itself"),
        "T ::= SEQUENCE SIZE (5..1) OF INTEGER\nEND": (2, "an empty range"),
        "o OBJECT IDENTIFIER ::= { nowhere 1 }\nEND": (2, "no known arc"),
        "T TABLE ::= {\n 1 one INTEGER\n 1 two BOOLEAN\n}\nEND": (4, "stands twice"),
        "IMPORTS X FROM Elsewhere;\nEND": (2, "there is no module 'Elsewhere'"),
        "T ::= SET { " + ", ".join(f"a{i} [{i}] NULL OPTIONAL" for i in range(65)) + " }\nEND": (2, "more than 64"),
    }
    for text, (line, cause) in wrong.items():
        status, error, made = compile_module(head + text)
        check(status != 0 and not made, f"{text}: compiled")
        check(error.startswith(f"m1.asn1:{line}: ") and cause in error, f"{text}: {error}")


# The forms that stores of messages, EDI and military messaging need: recursive filters, tables keyed by identifier
# beside open types, COMPONENTS OF, markers, constraints in all positions, defaults by name, values across modules.
STORE = """Store DEFINITIONS IMPLICIT TAGS ::= BEGIN
IMPORTS ub-width, id-thing, Label FROM Things;
id-kind OBJECT IDENTIFIER ::= { id-thing kind(3) }
Key ::= OBJECT IDENTIFIER
Filter ::= CHOICE { item [0] Item, and [1] SET OF Filter, or [2] SET OF Filter, not [3] EXPLICIT Filter }
Item ::= CHOICE {
    equality [0] Assertion,
    substrings [1] SEQUENCE {
        type Key,
        strings SEQUENCE OF CHOICE { initial [0] ANY, any [1] ANY, final [2] ANY } },
    present [2] Key }
Assertion ::= SEQUENCE { type Key, value ANY DEFINED BY type }
Range ::= CHOICE {
    numbers [0] SEQUENCE { from [0] INTEGER (1..ub-width) OPTIONAL, to [1] INTEGER (1..MAX) OPTIONAL },
    all     NULL }
Common ::= SET { priority [0] Grade DEFAULT normal, labels [1] SET SIZE (1..ub-width) OF Label OPTIONAL, ... }
Fetch ::= SET {
    COMPONENTS OF Base,
    filter [5] Filter OPTIONAL,
    range  [6] Range OPTIONAL,
    limit  [7] INTEGER (0..ub-width) DEFAULT ub-default,
    fixed  [8] Wide (WITH COMPONENTS { ..., a ABSENT }) OPTIONAL,
    text   [9] PrintableString (FROM ("A".."Z" | " ")) (SIZE (1..8)) OPTIONAL,
    inner  [10] OCTET STRING (CONTAINING Filter) OPTIONAL, ... , [[ later [11] BOOLEAN DEFAULT FALSE ]] }
Base ::= SET { entry [3] INTEGER, when [4] UTCTime OPTIONAL }
Wide ::= SEQUENCE { a [0] NULL OPTIONAL, b [1] BOOLEAN }
Grade ::= ENUMERATED { normal(0), urgent(2), ... }
ub-default INTEGER ::= ub-width
Attributes TABLE ::= {
    id-kind            kind    Grade
    { id-thing 9 }     text    SEQUENCE OF Label
    { 1 2 3 4 }        filter  Filter
}
END
"""
THINGS = """Things DEFINITIONS IMPLICIT TAGS ::= BEGIN
ub-width INTEGER ::= 7
id-thing OBJECT IDENTIFIER ::= { joint-iso-itu-t 6 99 }
Label ::= [APPLICATION 2] GeneralString (SIZE (1..ub-width))
END
"""


@case("the forms that message stores, EDI and military messaging need are compiled")
def later_modules():
    status, error, made = compile_module(STORE, THINGS)
    equal(status, 0, error)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in made.items():
            os.makedirs(f"{folder}/schema", exist_ok=True)
            with open(f"{folder}/schema/{name}", "w") as file:
                file.write(text)
        os.symlink(f"{SOURCE}/src/asn1", f"{folder}/asn1")
        os.symlink(f"{SOURCE}/src/base", f"{folder}/base")
        for name in ("m1", "m2"):
            done = subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror",
                                   "-fsyntax-only", "-I", folder, f"{folder}/schema/{name}.c"], capture_output=True, text=True)
            equal(done.returncode, 0, done.stderr)
    check("m1_Attributes_table" in made["m1.h"] and "m1_ub_default = 7" in made["m1.h"], "values and tables")
    check('"ub-width"' in made["m1.c"], "bounds keep their names")


if __name__ == "__main__":
    tap.main()
