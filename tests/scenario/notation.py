#!/usr/bin/python3
"""ASN.1 as people meet it: `mhs decode` and `mhs encode` on real APDUs, whole and broken, and what the compiler says."""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
from peer import tap  # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
SOURCE = os.environ["CHASQUI_SOURCE"]
MHS = os.path.join(os.environ["CHASQUI_BUILD"], "src/mhs/mhs")
CAPTURES = sorted(glob.glob(f"{SOURCE}/tests/unit/schema/captures/*.ber"))


def mhs(*words, octets=b""):
    """Exit status, standard output, standard error."""
    done = subprocess.run([MHS, *words], input=octets, capture_output=True, timeout=60)
    check(done.returncode in (0, 1), f"{words}: exit {done.returncode}: {done.stderr[-2000:]}")
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
            value = as_json(file.read())
        octets = encode(value)  # with definite lengths: the sender's may be of another form
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
        equal(status, 1, error)
        check(text.startswith(wanted + b" ::= "), text)
        check("is wrong at octet" in error and "with tag BIT STRING" in error, error)
        check(b'"ben"' in text, "what stands behind it")
        # All that was passed over is told, and what is missing is marked.
        lacking = {"recipients", "traceInformation"} if wanted == b"MPDU" else {"per-recipient-fields", "trace-information"}
        passed = json.loads(decode(b"\xA0" + bytes([len(message)]) + message, "--json")[1])["@passed-over"]
        check(lacking <= {item.get("missing") for item in passed}, passed)
        for name in lacking:
            check(f"{name} -- missing --".encode() in text, text)
            check(f"ends without its '{name}'" in error, error)
        check(b"local-identifier -- missing --" not in text, text)
        check(passed[0]["text"].endswith("with tag BIT STRING"), passed)


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
    value = {"@ROS": {"invoke": {"invokeId": 7, "opcode": {"local": 8}, "argument": {"@ChangeCredentialsArgument": {
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
