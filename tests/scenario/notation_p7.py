#!/usr/bin/python3
"""P7's types: what an independent writer (peer/x413.py) makes of each operation, error, bind and attribute is read by
`mhs decode` as that, becomes the same octets again in `mhs encode`, and is what tshark reads too."""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
from interop import tshark_judge                                            # noqa: E402
from peer import ber, every, names, pcap, rose, session as s, tap, x228     # noqa: E402
from peer import x411, x413 as p7                                           # noqa: E402
from peer.transport import CC, CR, DT                                       # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
SOURCE = os.environ["CHASQUI_SOURCE"]
MHS = os.path.join(os.environ["CHASQUI_BUILD"], "src/mhs/mhs")
ATT, HAT, ACT = p7.ATT, p7.HAT, p7.ACT
NUMBER, SUBJECT, ORIGINATOR, NOTES, GROUP = ATT + "39", HAT + "4", ATT + "27", ATT + "58", ATT + "57"
TIME = "991231235959Z"
IDENTIFIER = x411.mts_identifier("/C=GB/A=GOLD/", "x-1")
MTS_IDENTIFIER = {"global-domain-identifier": {"country-name": {"iso-3166-alpha2-code": "GB"},
                                               "administration-domain-name": {"printable": "GOLD"}}, "local-identifier": "x-1"}


def mhs(*words, octets):
    done = subprocess.run([MHS, *words], input=octets, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode()


def through(octets, *words):
    """The JSON of the octets, which must become the same octets again without a complaint."""
    status, text, error = mhs("decode", "--json", *words, octets=octets)
    equal((status, error), (0, ""), octets.hex())
    status, again, error = mhs("encode", octets=text)
    equal((status, again), (0, octets), error)
    return json.loads(text)


def name(address):
    return names.or_name(address)


# --- what is sent, and what it says

FILTER = p7.all_of(
    p7.equality(NUMBER, ber.integer(5)),
    p7.any_of(p7.substrings(SUBJECT, (0, ber.teletex("a")), (1, ber.teletex("b")), (2, ber.teletex("c"))),
              p7.none_of(p7.present(ATT + "29"))),
    p7.at_least(ATT + "11", ber.utctime(TIME)), p7.at_most(NUMBER, ber.integer(9)),
    p7.approximate(SUBJECT, ber.teletex("x")), p7.other_match(p7.MR + "10", SUBJECT, ber.teletex("y")))
FILTER_JSON = {"and": [
    {"item": {"equality": {"attribute-type": NUMBER, "attribute-value": {"@SequenceNumber": 5}}}},
    {"or": [{"item": {"substrings": {"type": SUBJECT, "strings": [
        {"initial": {"@SubjectField": "a"}}, {"any": {"@SubjectField": "b"}}, {"final": {"@SubjectField": "c"}}]}}},
        {"not": {"item": {"present": ATT + "29"}}}]},
    {"item": {"greater-or-equal": {"attribute-type": ATT + "11", "attribute-value": {"@CreationTime": TIME}}}},
    {"item": {"less-or-equal": {"attribute-type": NUMBER, "attribute-value": {"@SequenceNumber": 9}}}},
    {"item": {"approximate-match": {"attribute-type": SUBJECT, "attribute-value": {"@SubjectField": "x"}}}},
    {"item": {"other-match": {"matching-rule": p7.MR + "10", "attribute-type": SUBJECT,
                              "match-value": {"@MSString": {"teletex": "y"}}}}}]}
SELECTOR = p7.selector(True, p7.number_range(1, 9), FILTER, 100, (0, 2))
SELECTOR_JSON = {"child-entries": True, "range": {"sequence-number-range": {"from": 1, "to": 9}}, "filter": FILTER_JSON,
                 "limit": 100, "override": ["override-content-types-restriction", "override-attribute-length-restriction"]}
ENTRY = p7.entry(4, p7.attribute(NUMBER, ber.integer(4)), p7.attribute(SUBJECT, ber.teletex("hi")), exceeded=[(HAT + "11", 300)])
ENTRY_JSON = {"sequence-number": 4, "attributes": [
    {"attribute-type": NUMBER, "attribute-values": [{"@SequenceNumber": 4}]},
    {"attribute-type": SUBJECT, "attribute-values": [{"@SubjectField": "hi"}]}],
    "value-count-exceeded": [{"type": HAT + "11", "total": 300}]}
OPTIONS = p7.submission_options(p7.SUBMISSION, True, [p7.group("g", "h")])
OPTIONS_JSON = {"object-entry-class": "submission", "disable-auto-modify": True, "add-message-group-names": [["g", "h"]]}
CREATED_JSON = {"created-entry": 8, "auto-action-error-indication": {"auto-action-log-entry": 9}}
MODIFICATIONS = (p7.modification(1, p7.attribute(NOTES, p7.general("note")), True), p7.modification(2, ber.oid(NOTES)),
                 p7.modification(3, p7.ordered(GROUP, (p7.group("g"), 1))), p7.modification(4, p7.ordered(GROUP, (None, 2))))
MODIFICATIONS_JSON = [
    {"strict": True, "modification": {"add-attribute": {
        "attribute-type": NOTES, "attribute-values": [{"@MessageNote": "note"}]}}},
    {"modification": {"remove-attribute": NOTES}},
    {"modification": {"add-values": {"attribute-type": GROUP, "attribute-values": [
        {"value": {"@MessageGroupName": ["g"]}, "position": 1}]}}},
    {"modification": {"remove-values": {"attribute-type": GROUP, "attribute-values": [{"position": 2}]}}}]
CONTENT = b"\xA0\x0D\x31\x09\x6B\x07\x13\x05M-123\x30\x00"
CONTENT_JSON = {"@InformationObject": {"ipm": {"heading": {"this-IPM": {"user-relative-identifier": "M-123"}}, "body": []}}}


def envelope_json(*recipients):
    return {"originator-name": json_name(every.ANN), "content-type": {"built-in": "interpersonal-messaging-1988"},
            "per-recipient-fields": [{"recipient-name": json_name(one),
                                      "originator-report-request": ["report", "non-delivery-report"]} for one in recipients]}


def json_name(address):
    """As `mhs` reads an O/R name that was tested elsewhere."""
    return through(name(address), "--type", "ORName")["@ORName"]


def operations():
    """(name, argument, its type, what it says, result, its type, what that says)"""
    numbers = ber.set_(ber.ctx(0, p7.numbers(ber.seq, 1, 2)))
    summaries = ber.seq(ber.set_(p7.number(0, 2), ber.ctx(1, ber.set_(ber.seq(ber.oid(ATT + "15"), ber.integer(1), ber.integer(4))))))
    return [
        ("summarize", p7.summarize(SELECTOR, [ATT + "15"], p7.STORED_MESSAGE), "SummarizeArgument",
         {"entry-class": "stored-message", "selector": SELECTOR_JSON, "summary-requests": [ATT + "15"]},
         ber.set_(p7.number(0, 5), p7.number(1, 3), ber.ctx(2, ber.seq(p7.number(0, 1), p7.number(1, 9))), ber.ctx(3, summaries)),
         "SummarizeResult", {"next": 5, "count": 3, "span": {"lowest": 1, "highest": 9}, "summaries": [
             {"absent": 2, "present": [{"type": ATT + "15", "value": {"@RetrievalStatus": "listed"}, "count": 4}]}]}),
        ("list", p7.list_(SELECTOR, p7.selection((NUMBER, None, None), (HAT + "11", 1, 3)), p7.DRAFT), "ListArgument",
         {"entry-class": "draft", "selector": SELECTOR_JSON,
          "requested-attributes": [{"type": NUMBER}, {"type": HAT + "11", "from": 1, "count": 3}]},
         ber.set_(p7.number(0, 5), ber.ctx(1, ber.seq(ENTRY))), "ListResult", {"next": 5, "requested": [ENTRY_JSON]}),
        ("fetch", p7.fetch(p7.selector(span=p7.time_range(TIME)), p7.selection((NUMBER, None, None))), "FetchArgument",
         {"item": {"search": {"range": {"creation-time-range": {"from": TIME}}}}, "requested-attributes": [{"type": NUMBER}]},
         ber.set_(ber.ctx(0, ENTRY), ber.ctx(1, p7.numbers(ber.seq, 1, 2)), p7.number(2, 4)), "FetchResult",
         {"entry-information": ENTRY_JSON, "list": [1, 2], "next": 4}),
        ("delete", p7.delete([1, 2], p7.DELIVERY_LOG), "DeleteArgument",
         {"entry-class": "delivery-log", "items": {"sequence-numbers": [1, 2]}}, numbers, "DeleteResult",
         {"delete-result-94": {"entries-deleted": [1, 2]}}),
        ("register-ms", REGISTRATIONS, "Register-MSArgument", REGISTRATIONS_JSON, REGISTERED, "Register-MSResult",
         {"registered-information": REGISTERED_JSON}),
        ("alert", p7.alert(1, ENTRY), "AlertArgument", {"alert-registration-identifier": 1, "new-entry": ENTRY_JSON},
         ber.null(), "AlertResult", None),
        ("modify", p7.modify([3], *MODIFICATIONS), "ModifyArgument",
         {"entries": {"specific-entries": [3]}, "modifications": MODIFICATIONS_JSON},
         numbers, "ModifyResult", {"entries-modified": [1, 2]}),
        ("ms-message-submission", p7.message_submission(every.ANN, [every.BOB], CONTENT, OPTIONS), "MSMessageSubmissionArgument",
         {"envelope": envelope_json(every.BOB), "content": CONTENT_JSON, "submission-options": OPTIONS_JSON},
         p7.submission_result(IDENTIFIER, TIME, p7.submission_results(8, 9)), "MSMessageSubmissionResult",
         {"mts-result": {"message-submission-identifier": MTS_IDENTIFIER, "message-submission-time": TIME,
                         "ms-message-result": CREATED_JSON}}),
        ("ms-message-submission", p7.message_submission(every.ANN, [every.BOB], CONTENT), "MessageSubmissionArgument",
         {"envelope": envelope_json(every.BOB), "content": CONTENT_JSON},
         ber.ctx(4, p7.submission_results(8, 9)), "MSMessageSubmissionResult", {"store-draft-result": CREATED_JSON}),
        ("ms-probe-submission", p7.probe_submission(every.ANN, [every.BOB], OPTIONS), "MSProbeSubmissionArgument",
         {**envelope_json(every.BOB), "submission-options": OPTIONS_JSON},
         p7.submission_result(IDENTIFIER, TIME, p7.submission_results(8, 9)), "MSProbeSubmissionResult",
         {"probe-submission-identifier": MTS_IDENTIFIER, "probe-submission-time": TIME, "ms-probe-result": CREATED_JSON}),
    ]


ALERT_PARAMETER = ber.set_(ber.ctx(0, p7.present(NUMBER)), ber.ctx(3, ber.boolean(False)))
ALERT_JSON = {"@AutoAlertRegistrationParameter": {"filter": {"item": {"present": NUMBER}}, "suppress-alert-destinations": False}}
DISCARD_PARAMETER = ber.set_(ber.ctx(2, ber.boolean(True)), ber.ctx(3, ber.boolean(False)), ber.ctx(4, ber.boolean(True)))
DISCARD_JSON = {"@IPMAutoDiscardRegistrationParameter": {
    "auto-discard-expired-ipms": True, "auto-discard-obsoleted-ipms": False, "restrict-obsoleting-to-originator": True}}
UA = ber.set_(ber.ctx(0, ber.printable("UA 1")), ber.ctx(1, p7.oids(ber.set_, NUMBER)), ber.ctx(3, OPTIONS))
UA_JSON = {"ua-registration-identifier": "UA 1", "ua-list-attribute-defaults": [NUMBER], "ua-submission-defaults": OPTIONS_JSON}
DESCRIPTOR = ber.set_(ber.ctx(0, p7.group("a", "b")), ber.ctx(1, p7.general("both")))
DESCRIPTOR_JSON = {"message-group-name": ["a", "b"], "message-group-descriptor": "both"}
STATUS = ber.set_(ber.ctx(0, ber.bits(0, 5)), ber.ctx(2, ber.set_(ber.ctx(0, p7.group("a")), ber.ctx(1, ber.boolean(False)))))
STATUS_JSON = {"registrations": ["auto-action-registrations", "message-group-registrations"],
               "restrict-message-groups": {"parent-group": ["a"], "immediate-descendants-only": False}}
PROTECTED = ber.seq(ber.prim(0, ber.oid_octets("2.6.4.10.0")), ber.ia5("old"), ber.prim(2, b"\0\x55"))
REGISTRATIONS = ber.set_(
    ber.ctx(0, ber.set_(p7.registration(ACT + "1", ALERT_PARAMETER, 3), p7.registration(p7.AA + "2", DISCARD_PARAMETER))),
    ber.ctx(1, ber.set_(p7.registration(ACT + "3", identifier=2))), ber.ctx(2, p7.oids(ber.set_, NUMBER, SUBJECT)),
    ber.ctx(3, ber.set_()), ber.ctx(4, ber.seq(ber.ctx(0, ber.ia5("old")), ber.ctx(1, ber.ia5("new")))),
    ber.ctx(5, ber.set_(ber.set_(ber.integer(3)))), ber.ctx(6, ber.set_(UA)), ber.ctx(7, OPTIONS),
    ber.ctx(8, ber.seq(ber.ctx(0, DESCRIPTOR), ber.ctx(1, p7.group("x")), ber.ctx(2, DESCRIPTOR))), ber.ctx(9, STATUS),
    ber.ctx(10, p7.extensions(p7.extension(p7.EXT + "4", PROTECTED))))
REGISTRATIONS_JSON = {
    "auto-action-registrations": [
        {"auto-action-type": ACT + "1", "registration-identifier": 3, "registration-parameter": ALERT_JSON},
        {"auto-action-type": p7.AA + "2", "registration-parameter": DISCARD_JSON}],
    "auto-action-deregistrations": [{"auto-action-type": ACT + "3", "registration-identifier": 2}],
    "list-attribute-defaults": [NUMBER, SUBJECT], "fetch-attribute-defaults": [],
    "change-credentials": {"old-credentials": {"simple": {"ia5-string": "old"}},
                           "new-credentials": {"simple": {"ia5-string": "new"}}},
    "user-security-labels": [{"security-classification": "confidential"}], "ua-registrations": [UA_JSON],
    "submission-defaults": OPTIONS_JSON,
    "message-group-registrations": [{"register-group": DESCRIPTOR_JSON}, {"deregister-group": ["x"]},
                                    {"change-descriptors": DESCRIPTOR_JSON}],
    "registration-status-request": STATUS_JSON,
    "register-ms-extensions": [{"type-id": p7.EXT + "4", "value": {"@ProtectedChangeCredentials": {
        "algorithm-identifier": "2.6.4.10.0", "old-credentials": {"simple": {"ia5-string": "old"}},
        "password-delta": {"hex": "55", "unused": 0}}}}]}
REGISTERED = ber.set_(ber.ctx(0, ber.set_(p7.registration(ACT + "1", ALERT_PARAMETER))), ber.ctx(1, p7.oids(ber.set_, NUMBER)),
                      ber.ctx(3, ber.set_(UA)), ber.ctx(4, OPTIONS), ber.ctx(5, ber.set_(DESCRIPTOR)))
REGISTERED_JSON = {"auto-action-registrations": [{"auto-action-type": ACT + "1", "registration-parameter": ALERT_JSON}],
                   "list-attribute-defaults": [NUMBER], "ua-registrations": [UA_JSON], "submission-defaults": OPTIONS_JSON,
                   "message-group-registrations": [DESCRIPTOR_JSON]}

# (error, parameter, its type, what it says)
FAULTS = [
    ("attribute-error", p7.problems(0, p7.problem(0, ber.ctx(1, ber.oid(NUMBER)), ber.ctx(2, ber.integer(7)))),
     "AttributeErrorParameter", {"problems": [{"problem": "invalid-attribute-value", "type": NUMBER,
                                               "value": {"@SequenceNumber": 7}}]}),
    ("auto-action-request-error", p7.problems(0, p7.problem(2, ber.ctx(1, ber.oid(ACT + "1")))),
     "AutoActionRequestErrorParameter", {"problems": [{"problem": "not-willing-to-perform", "type": ACT + "1"}]}),
    ("delete-error", ber.set_(ber.ctx(0, ber.set_(p7.problem(4, p7.number(1, 7)))), ber.ctx(1, p7.numbers(ber.set_, 1, 2))),
     "DeleteErrorParameter", {"problems": [{"problem": "stored-message-exists", "sequence-number": 7}], "entries-deleted": [1, 2]}),
    ("fetch-restriction-error", p7.problems(0, ber.set_(p7.number(3, 3), p7.number(2, 4000)),
                                            ber.set_(p7.number(3, 1), ber.ctx(0, ber.oid("2.6.1.10.1"))),
                                            ber.set_(p7.number(3, 2), ber.ctx(1, p7.oids(ber.set_, "2.6.3.4.2")))),
     "FetchRestrictionErrorParameter", {"problems": [
         {"problem": "maximum-length-problem", "restriction": {"attribute-length": 4000}},
         {"problem": "content-type-problem", "restriction": {"content-type": "2.6.1.10.1"}},
         {"problem": "eit-problem", "restriction": {"eit": ["2.6.3.4.2"]}}]}),
    ("range-error", p7.problem(0), "RangeErrorParameter", {"problem": "reversed"}),
    ("ms-security-error", ber.integer(27), "SecurityProblem", "unauthorised-entry-class"),
    ("service-error", p7.problem(2, ber.ctx(1, p7.general("not now"))), "ServiceErrorParameter",
     {"problem": "unwilling-to-perform", "supplementary-information": "not now"}),
    ("sequence-number-error", p7.problems(1, p7.problem(0, p7.number(1, 0))), "SequenceNumberErrorParameter",
     {"problems": [{"problem": "no-such-entry", "sequence-number": 0}]}),
    ("invalid-parameters-error", ber.null(), "InvalidParametersErrorParameter", None),
    ("message-group-error", p7.problem(6, ber.ctx(1, p7.group("a", "b"))), "MessageGroupErrorParameter",
     {"problem": "group-depth-exceeded", "name": ["a", "b"]}),
    ("ms-extension-error", ber.ctx(1, ber.oid(p7.EXT + "4")), "MSExtensionErrorParameter", {"unknown-ms-extension": p7.EXT + "4"}),
    ("register-ms-error", ber.set_(ber.ctx(0, ber.enumerated(2)), ber.ctx(1, STATUS)), "Register-MSErrorParameter",
     {"problem": "registration-limit-exceeded", "registration-type": STATUS_JSON}),
    ("modify-error", ber.set_(ber.ctx(0, p7.numbers(ber.seq, 1)), p7.number(1, 2), p7.number(2, 3), p7.number(3, 4)),
     "ModifyErrorParameter", {"entries-modified": [1], "failing-entry": 2, "modification-number": 3,
                              "problem": "modify-restriction-problem"}),
    ("entry-class-error", ber.set_(p7.number(0, 7), ber.ctx(1, ber.bits(0, 2))), "EntryClassErrorParameter",
     {"entry-class": "auto-action-log", "problem": ["unsupported-entry-class", "inappropriate-entry-class"]}),
]

BIND = p7.bind_argument(every.ANN, "secret", p7.restrictions(["2.6.1.10.1"], ["2.6.3.4.2"], 4000), True, "UA 1",
                        p7.extensions(p7.extension(p7.EXT + "0", ber.null())))
BIND_RESULT = p7.bind_result(
    "pwd", ber.ctx(3, p7.oids(ber.set_, ACT + "1")), ber.ctx(4, p7.oids(ber.set_, NUMBER, SUBJECT)), ber.ctx(5, ber.boolean(True)),
    ber.ctx(6, p7.oids(ber.set_, "2.6.1.10.1")), ber.ctx(7, p7.numbers(ber.set_, 0, 1)), ber.ctx(8, p7.oids(ber.set_, p7.MR + "10")),
    p7.number(10, 5), ber.ctx(11, p7.number(1, 7)), ber.ctx(12, p7.oids(ber.set_, p7.EXT + "1")), ber.ctx(13, ber.boolean(True)),
    ber.ctx(14, p7.general("hello")))
BIND_RESULT_JSON = {
    "responder-credentials": {"simple": {"ia5-string": "pwd"}}, "available-auto-actions": [ACT + "1"],
    "available-attribute-types": [NUMBER, SUBJECT], "alert-indication": True, "content-types-supported": ["2.6.1.10.1"],
    "entry-classes-supported": ["delivery", "submission"], "matching-rules-supported": [p7.MR + "10"], "message-group-depth": 5,
    "auto-action-error-indication": {"auto-action-log-entry": 7}, "unsupported-extensions": [p7.EXT + "1"],
    "ua-registration-id-unknown": True, "service-information": "hello"}


def bind_json():
    return {"initiator-name": json_name(every.ANN), "initiator-credentials": {"simple": {"ia5-string": "secret"}},
            "fetch-restrictions": {"allowed-content-types": ["2.6.1.10.1"], "allowed-EITs": ["2.6.3.4.2"],
                                   "maximum-attribute-length": 4000}, "ms-configuration-request": True,
            "ua-registration-identifier": "UA 1", "bind-extensions": [{"type-id": p7.EXT + "0", "value": {"@NULL": None}}]}


@case("each operation's argument and result are read as what they are")
def _():
    for number, (what, argument, kind, says, result, result_kind, result_says) in enumerate(operations(), 1):
        code = p7.OPERATIONS[what]
        equal(through(rose.invoke(number, code, argument)), {"@ROS": {"invoke": {
            "invokeId": {"present": number}, "opcode": {"local": code}, "argument": {"@" + kind: says}}}}, what)
        equal(through(rose.result(number, code, result)), {"@ROS": {"returnResult": {
            "invokeId": {"present": number}, "result": {"opcode": {"local": code}, "result": {"@" + result_kind: result_says}}}}}, what)
        equal(through(argument, "--type", kind), {"@" + kind: says}, kind)
        equal(through(result, "--type", result_kind), {"@" + result_kind: result_says}, result_kind)


@case("each error's parameter is read as what it is")
def _():
    equal({what for what, *_ in FAULTS}, set(p7.ERRORS))
    # tshark 4.0 has a bug in these, so that they stand by themselves.
    equal(through(ber.set_(ber.ctx(1, p7.oids(ber.set_, p7.EXT + "4"))), "--type", "x413.RegistrationTypes"),
          {"@x413.RegistrationTypes": {"extended-registrations": [p7.EXT + "4"]}})
    for what, parameter, kind, says in FAULTS:
        code = p7.ERRORS[what]
        equal(through(rose.error(5, code, parameter)), {"@ROS": {"returnError": {
            "invokeId": {"present": 5}, "errcode": {"local": code}, "parameter": {"@" + kind: says}}}}, what)


@case("a bind is the store's by its application context, else by what it holds")
def _():
    equal(through(ber.ctx(16, BIND)), {"@Bind": {"bindInvoke": {"@MSBindArgument": bind_json()}}})
    equal(through(ber.ctx(17, BIND_RESULT)), {"@Bind": {"bindResult": {"@MSBindResult": BIND_RESULT_JSON}}})
    equal(through(BIND), {"@MSBindArgument": bind_json()}, "guessed")
    equal(through(BIND_RESULT), {"@MSBindResult": BIND_RESULT_JSON}, "guessed")
    for error, says in ((p7.bind_error(0), {"unqualified-error": "authentication-error"}),
                        (p7.bind_error(3, "why", [p7.EXT + "1"]), {"qualified-error": {
                            "bind-problem": "bind-extension-problem", "supplementary-information": "why",
                            "bind-extension-errors": [p7.EXT + "1"]}})):
        equal(through(ber.ctx(18, error)), {"@Bind": {"bindError": {"@MSBindError": says}}})
    # Name and credentials alone are both P3's and P7's.
    plain = p7.bind_argument(every.ANN, "secret")
    check("@MTSBindArgument" in through(ber.ctx(16, plain))["@Bind"]["bindInvoke"], "P3's without a context")
    check("@MSBindResult" in through(ber.ctx(17, p7.bind_result("pwd")))["@Bind"]["bindResult"], "a result without a name")
    for arc, kind in ((0, "@MTSBindArgument"), (4, "@MSBindArgument"), (5, "@MSBindArgument"), (7, "@MTSBindArgument"),
                      (11, "@MSBindArgument"), (12, "@MSBindArgument")):
        aarq = ber.app(0, ber.ctx(1, ber.oid(rose.ID_AC + str(arc))), ber.ctx(30, x228.external(3, ber.ctx(16, plain))))
        check(kind.encode() in mhs("decode", "--json", "--type", "ACSE-apdu", octets=aarq)[1], f"{kind} in {arc}")


# --- attributes

def signature():
    return ber.seq(ber.seq(ber.oid("1.2.3.4")), ber.tlv(ber.UNIVERSAL, 3, False, b"\0\x55"))


def supplied():
    return ber.set_(ber.prim(0, TIME.encode()), ber.prim(2, b"\0"))


def bmp(text):
    return ber.set_(ber.tlv(ber.UNIVERSAL, 30, False, text.encode("utf-16-be")))


BITS = ber.tlv(ber.UNIVERSAL, 3, False, b"\0\x55")
DOMAIN, OID, UTC = names.domain("/C=GB/A=GOLD/"), ber.oid("2.6.1.10.1"), ber.utctime(TIME)
CERTIFICATES = ber.seq(ber.seq())
DESCRIBED = ber.set_(ber.prim(0, b"Ann"))
RECIPIENT_SPECIFIER = ber.set_(ber.ctx(0, ber.prim(0, b"Bob")))
IPM_IDENTIFIER = ber.app(11, ber.printable("M-1"))
IPM = ber.seq(ber.set_(IPM_IDENTIFIER), ber.seq())
REPORTED = ber.set_(names.or_name_under(0, every.BOB), ber.ctx(1, ber.ctx(0, ber.prim(0, TIME.encode()))))
VIDEOTEX = ber.tlv(ber.UNIVERSAL, 21, False, b"v")
# A value of each type that an attribute has.
VALUES = {
    "SequenceNumber": ber.integer(5), "Content": ber.octets(b"any"), "AlgorithmIdentifier": ber.seq(ber.oid("1.2.3.4")),
    "ContentCorrelator": ber.ia5("c"), "ContentIdentifier": ber.app_prim(10, b"id"), "ContentIntegrityCheck": signature(),
    "ContentLength": ber.integer(1000), "BOOLEAN": ber.boolean(True), "OBJECT IDENTIFIER": OID,
    "ConversionWithLossProhibited": ber.enumerated(1), "MS-EIT": ber.oid("2.6.3.4.2"), "CreationTime": UTC,
    "DeliveryFlags": ber.bits(1), "DLExpansion": ber.seq(name(every.ANN), UTC), "RetrievalStatus": ber.integer(2),
    "EntryType": ber.integer(4), "ORName": name(every.BOB), "MTSIdentifier": IDENTIFIER, "MessageDeliveryTime": UTC,
    "MessageDeliveryEnvelope": ber.seq(IDENTIFIER, UTC, ber.set_(
        ber.prim(0, b"\x16"), name(every.ANN), names.or_name_under(4, every.BOB), ber.prim(7, TIME.encode()))),
    "MessageOriginAuthenticationCheck": signature(), "MessageSecurityLabel": ber.set_(ber.integer(3)),
    "MessageSubmissionTime": UTC, "MessageToken": ber.seq(ber.prim(0, ber.oid_octets("1.2.3.4")), ber.ctx(1, ber.null())),
    "OriginatorCertificate": CERTIFICATES, "PerRecipientReportDeliveryFields": REPORTED, "Priority": ber.app_prim(7, b"\2"),
    "ProofOfDeliveryRequest": ber.enumerated(1), "Redirection": ber.seq(ber.seq(name(every.BOB), UTC), ber.enumerated(0)),
    "ReportDeliveryEnvelope": ber.set_(IDENTIFIER, ber.seq(REPORTED)), "ReportingDLName": name(every.BOB),
    "ReportingMTACertificate": CERTIFICATES, "ReportOriginAuthenticationCheck": signature(),
    "SecurityClassification": ber.integer(3), "SubjectSubmissionIdentifier": IDENTIFIER,
    "ReportLocation": ber.ctx(1, ber.seq(ber.seq(p7.number(0, 5), p7.number(1, 2)))), "ReportSummary": ber.enumerated(6),
    "PerRecipientReport": ber.seq(p7.number(0, 5)),
    "AutoActionError": ber.set_(ber.ctx(0, ber.integer(27)), ber.ctx(1, p7.problem(0))),
    "AutoActionRegistrationIdentifier": ber.integer(3), "AutoActionType": ber.oid(ACT + "1"),
    "DeferredDeliveryCancellationTime": UTC, "DeferredDeliveryTime": UTC, "DeletionTime": UTC,
    "DLExpansionProhibited": ber.enumerated(1), "InternalTraceInformationElement": ber.seq(DOMAIN, ber.ia5("MTA"), supplied()),
    "LatestDeliveryTime": UTC, "NULL": ber.null(), "MessageGroupName": p7.group("a", "b"), "MessageNote": p7.general("n"),
    "MessageSubmissionEnvelope": p7.message_envelope(every.ANN, every.BOB), "SubmissionError": ber.ctx(27, p7.problem(0)),
    "OriginatingMTACertificate": CERTIFICATES, "OriginatorReportRequest": ber.bits(3),
    "OriginatorReturnAddress": names.or_address(every.ANN), "PerMessageIndicators": ber.app_prim(8, ber.bits_octets((1,), 8)),
    "PerRecipientMessageSubmissionFields": p7.recipient(every.BOB), "PerRecipientProbeSubmissionFields": p7.recipient(every.BOB),
    "ProbeOriginAuthenticationCheck": signature(), "ProbeSubmissionEnvelope": p7.probe_submission(every.ANN, [every.BOB]),
    "ProofOfSubmission": signature(), "RecipientReassignmentProhibited": ber.enumerated(1), "StoragePeriod": ber.integer(86400),
    "StorageTime": UTC, "TraceInformationElement": ber.seq(DOMAIN, supplied()),
    "SignatureVerificationStatus": ber.set_(p7.number(0, 2)), "CertificateSelectors": ber.set_(),
    "ExtendedCertificates": ber.set_(ber.ctx(0, ber.seq())),
    "Heading": ber.set_(IPM_IDENTIFIER), "IPMIdentifier": IPM_IDENTIFIER, "ORDescriptor": DESCRIBED, "SubjectField": ber.teletex("hi"),
    "Time": UTC, "ImportanceField": ber.enumerated(2), "SensitivityField": ber.enumerated(1), "RecipientSpecifier": RECIPIENT_SPECIFIER,
    "IncompleteCopy": ber.null(), "Language": ber.printable("en"), "AutoSubmitted": ber.enumerated(1), "Body": ber.seq(),
    "IA5TextBodyPart": ber.seq(ber.set_(), ber.ia5("t")), "G3FacsimileBodyPart": ber.seq(ber.set_(), ber.seq(BITS)),
    "InterchangeData": ber.seq(), "TeletexBodyPart": ber.seq(ber.set_(), ber.seq(ber.teletex("t"))),
    "VideotexBodyPart": ber.seq(ber.set_(), VIDEOTEX), "EncryptedBodyPart": ber.seq(ber.set_(ber.seq(ber.oid("1.2.3.4"))), BITS),
    "BilaterallyDefinedBodyPart": ber.octets(b"any"), "NationallyDefinedBodyPart": ber.seq(ber.integer(1)),
    "IA5TextParameters": ber.set_(), "G3FacsimileParameters": ber.set_(ber.prim(0, b"\2")), "TeletexParameters": ber.set_(ber.prim(0, b"\2")),
    "VideotexParameters": ber.set_(ber.prim(0, b"\1")), "EncryptedParameters": ber.set_(ber.seq(ber.oid("1.2.3.4"))),
    "MessageParameters": ber.set_(ber.prim(0, TIME.encode())), "IA5TextData": ber.ia5("t"), "G3FacsimileData": ber.seq(BITS),
    "TeletexData": ber.seq(ber.teletex("t")), "VideotexData": VIDEOTEX, "EncryptedData": BITS, "IPM": IPM,
    "NonReceiptReasonField": ber.enumerated(1), "DiscardReasonField": ber.enumerated(1), "AutoForwardComment": ber.printable("on"),
    "AcknowledgmentModeField": ber.enumerated(1), "SupplementaryInformation": ber.printable("s"),
    "IPMEntryType": ber.enumerated(3), "IPMSynopsis": ber.seq(ber.ctx(0, ber.prim(0, b"\5"), ber.ctx(1, ber.ctx(
        1, ber.prim(0, ber.oid_octets("2.6.1.4.0")), ber.prim(2, b"\7"), ber.prim(3, b"\xff"))))),
    "BodyPartDescriptor": ber.seq(ber.prim(0, ber.oid_octets("2.6.1.4.0")), ber.prim(2, b"\5"), ber.prim(3, b"\1"), ber.prim(4, b"\7")),
    "BodyPartSignatures": ber.set_(), "IPMSecurityLabel": ber.seq(ber.ctx(0, ber.integer(3))), "BodyPartSecurityLabel": ber.prim(0, b""),
    "BodyPartTokens": ber.set_(), "AuthorizationTime": ber.general_time("19991231235959Z"),
    "CirculationMember": ber.set_(RECIPIENT_SPECIFIER, ber.null()), "DistributionCode": ber.seq(OID), "ExtendedSubject": bmp("Ŝ"),
    "InformationCategory": ber.seq(ber.prim(0, ber.oid_octets("1.2.3"))), "ManualHandlingInstruction": bmp("m"),
    "OriginatorsReference": bmp("r"), "PrecedencePolicyIdentifier": OID, "ForwardedContentToken": ber.set_(), "Precedence": ber.integer(7),
    "BodyPartSignatureVerification": ber.set_(ber.set_(ber.prim(0, b"\1"), ber.prim(1, b"\2"))),
    "IPMSExtension": ber.seq(ber.oid("2.6.1.5.0"), ber.null()), "CorrelatedDeliveredIPNs": ber.ctx(1, ber.integer(5)),
    "CorrelatedDeliveredReplies": ber.prim(0, b""), "DeliveredIPNStatus": ber.integer(25), "DeliveredReplyStatus": ber.integer(2),
    "IPMLocation": ber.set_(ber.integer(5)), "SubmittedIPNStatus": ber.integer(35), "SubmittedReplyStatus": ber.integer(3),
    "RecipientCategory": ber.integer(4),
}
# The types of the attributes, in the order of their numbers; None: the number is not assigned.
GENERAL = """SequenceNumber Content AlgorithmIdentifier ContentCorrelator ContentIdentifier ContentIntegrityCheck
    ContentLength BOOLEAN OBJECT-IDENTIFIER ConversionWithLossProhibited MS-EIT CreationTime MS-EIT DeliveryFlags DLExpansion
    RetrievalStatus EntryType ORName MessageDeliveryEnvelope MTSIdentifier MessageDeliveryTime
    MessageOriginAuthenticationCheck MessageSecurityLabel MessageSubmissionTime MessageToken MS-EIT OriginatorCertificate
    ORName ORName SequenceNumber PerRecipientReportDeliveryFields Priority ProofOfDeliveryRequest Redirection
    ReportDeliveryEnvelope ReportingDLName ReportingMTACertificate ReportOriginAuthenticationCheck SecurityClassification
    SequenceNumber SubjectSubmissionIdentifier ORName ReportLocation ReportSummary PerRecipientReport None AutoActionError
    AutoActionRegistrationIdentifier SequenceNumber AutoActionType DeferredDeliveryCancellationTime DeferredDeliveryTime
    DeletionTime DLExpansionProhibited InternalTraceInformationElement LatestDeliveryTime NULL MessageGroupName MessageNote
    MessageSubmissionEnvelope NULL SubmissionError OriginatingMTACertificate OriginatorReportRequest OriginatorReturnAddress
    PerMessageIndicators PerRecipientMessageSubmissionFields PerRecipientProbeSubmissionFields ProbeOriginAuthenticationCheck
    ProbeSubmissionEnvelope ProofOfSubmission ORName RecipientReassignmentProhibited StoragePeriod StorageTime
    TraceInformationElement SequenceNumber NULL ORName SignatureVerificationStatus CertificateSelectors ExtendedCertificates
    ExtendedCertificates"""
IPMS = {
    6: "IPMEntryType IPMSynopsis BodyPartDescriptor BOOLEAN",
    7: """Heading IPMIdentifier ORDescriptor IPMIdentifier SubjectField Time Time ImportanceField SensitivityField BOOLEAN ORDescriptor
        RecipientSpecifier RecipientSpecifier RecipientSpecifier IPMIdentifier IPMIdentifier ORDescriptor IncompleteCopy
        Language ORDescriptor ORDescriptor ORDescriptor AutoSubmitted BodyPartSignatures IPMSecurityLabel
        BodyPartSecurityLabel BodyPartTokens AuthorizationTime CirculationMember DistributionCode ExtendedSubject
        InformationCategory ManualHandlingInstruction OriginatorsReference PrecedencePolicyIdentifier ForwardedContentToken
        MessageToken Precedence BodyPartSignatureVerification""",
    8: """Body IA5TextBodyPart None G3FacsimileBodyPart InterchangeData TeletexBodyPart VideotexBodyPart EncryptedBodyPart
        SequenceNumber InterchangeData BilaterallyDefinedBodyPart NationallyDefinedBodyPart OBJECT-IDENTIFIER
        IA5TextParameters None G3FacsimileParameters TeletexParameters VideotexParameters EncryptedParameters
        MessageParameters IA5TextData None G3FacsimileData TeletexData VideotexData EncryptedData IPM""",
    9: """IPMIdentifier ORDescriptor ORDescriptor MS-EIT NonReceiptReasonField DiscardReasonField AutoForwardComment IPM Time
        AcknowledgmentModeField SupplementaryInformation IPMSExtension IPMSExtension IPMSExtension IPMSExtension""",
    13: """CorrelatedDeliveredIPNs CorrelatedDeliveredReplies DeliveredIPNStatus DeliveredReplyStatus SequenceNumber SequenceNumber
        ORDescriptor IPMLocation SequenceNumber IPMLocation SequenceNumber SequenceNumber SequenceNumber Time
        SubmittedIPNStatus SequenceNumber SubmittedReplyStatus SequenceNumber RecipientCategory"""}


def attributes():
    """(object identifier, type) of each."""
    arcs = [(ATT, GENERAL)] + [(f"2.6.1.{arc}.", kinds) for arc, kinds in IPMS.items()]
    return [(f"{arc}{number}", kind.replace("T-I", "T I")) for arc, kinds in arcs
            for number, kind in enumerate(kinds.split()) if kind != "None"]


@case("a value of each attribute of X.413 and X.420 is read as its type")
def _():
    equal(len(attributes()), 82 + 101)
    equal({kind for _, kind in attributes()}, set(VALUES))
    entry = p7.entry(1, *[p7.attribute(kind, VALUES[named]) for kind, named in attributes()])
    read = through(entry, "--type", "EntryInformation")["@EntryInformation"]["attributes"]
    for (kind, named), got in zip(attributes(), read, strict=True):
        equal(got["attribute-type"], kind)
        value, = got["attribute-values"]
        check("@" + {"Time": "x420.Time"}.get(named, named) in value, f"{kind} is {value}, {named} was wanted")


@case("identifiers have the numbers of the rows of the same name")
def _():
    seen = 0
    for module, tables, arcs in (("x413at", ("AttributeTable",), "att"), ("x420ms", ("IPMSAttributeTable",), "sat|hat|bat|nat|cat")):
        with open(f"{SOURCE}/schema/{module}.asn1") as file:
            text = file.read()
        named = {tuple(key.split()): name for name, key in re.findall(
            rf"^id-(?:{arcs})-([\w-]+) +OBJECT IDENTIFIER ::= {{ (id-\w+ \d+) }}$", text, re.M)}
        for table in tables:
            rows = re.search(rf"^{table} TABLE ::= {{\n(.*?)^}}", text, re.M | re.S).group(1)
            for key, name in re.findall(r"^ +{ (id-\w+ \d+) } +([\w-]+)", rows, re.M):
                plain = re.sub(r"^(m[st]|ac)-", "", name)
                wanted = {name, plain, "ac-" + plain, "ms-" + plain, name.replace("identifier", "id")}
                check(named.pop(tuple(key.split())) in wanted, f"{key} {name}")
                seen += 1
        equal(named, {}, f"identifiers without a row in {module}")
    equal(seen, 82 + 101)


# --- tshark

def _tpdu(header, data=b""):
    return (len(header) + len(data) + 5).to_bytes(2, "big").join((b"\3\0", bytes([len(header)]))) + header + data


def conversation(pdus):
    """The octets of an association in ms-access-88, whose names tshark knows: [(from the client?, port, PDU)]."""
    arc, carrier, ports = rose.CONTEXTS["ms-access-88"]
    contexts = rose.definitions(carrier, ports)
    accept = s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\2"))
    units = s.parameter(s.PI_REQUIREMENTS, rose.DUPLEX.to_bytes(2, "big"))
    reference = s.group(s.PGI_CONNECTION_IDENTIFIER, s.parameter(s.PI_CALLING_REFERENCE, ber.octets(b"judge")))
    connect = s.spdu(s.CN, reference, accept, units, s.parameter(
        s.PGI_USER_DATA, rose.connect_ppdu(arc, contexts, ber.ctx(16, BIND))))
    accepted = s.spdu(s.AC, accept, units, s.parameter(
        s.PGI_USER_DATA, rose.accept_ppdu(arc, len(contexts), ber.ctx(17, BIND_RESULT))))
    data = bytes([DT, 0x80])
    return [(True, _tpdu(bytes([CR, 0, 0, 0, 1, 0]))), (False, _tpdu(bytes([CC, 0, 1, 0, 2, 0]))),
            (True, _tpdu(data, connect)), (False, _tpdu(data, accepted)),
            *[(sent, _tpdu(data, s.GIVE + b"\1\0" + x228.pdv(port, pdu))) for sent, port, pdu in pdus]]


def judged(pdus):
    """What tshark reads of each PDU in P7's layer; the faults that it finds; bind and its result come first."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        writer = pcap.Writer(file.name)
        writer.conversation(conversation(pdus))
        writer.close()
        frames = tshark_judge.frames(file.name)
    return [frame.layer("P7") for frame in frames if frame.layer("P7")], tshark_judge.found_fault(frames)


def needs_tshark():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")


SUBMISSION_PORT, RETRIEVAL_PORT = 5, 7


@case("tshark reads binds, operations and errors as we do, and finds nothing wrong")
def _():
    needs_tshark()
    pdus, wanted = [], ["MSBindArgument", "MSBindResult"]
    # Not of probes: its copies of ProbeSubmissionArgument and ProbeSubmissionResult have lost X.411's implicit tags.
    judgeable = [operation for operation in operations() if operation[0] != "ms-probe-submission"]
    for number, (what, argument, kind, _says, result, result_kind, _) in enumerate(judgeable, 1):
        port = SUBMISSION_PORT if "submission" in what else RETRIEVAL_PORT
        back = what == "alert"
        pdus += [(not back, port, rose.invoke(number, p7.OPERATIONS[what], argument)),
                 (back, port, rose.result(number, p7.OPERATIONS[what], result))]
        wanted += ["MSMessageSubmissionArgument" if kind == "MessageSubmissionArgument" else kind, result_kind]
    read, faults = judged(pdus)
    equal(faults, [])
    equal([lines[0].partition(":")[0] for lines in read], wanted)
    texts = ["\n".join(lines) for lines in read]
    for text, words in zip(texts, TSHARK_WANTED, strict=True):
        for word in words:
            check(word in text, f"{word!r} is not what tshark saw in {text}")


# Values that tshark must show, of bind, its result, and each argument and result in turn.
TSHARK_WANTED = [
    ["initiator-credentials: secret", "maximum-attribute-length: 4000", "ms-configuration-request: True", "ua-registration-identifier: UA 1"],
    ["responder-credentials: pwd", "alert-indication: True", "message-group-depth: 5", "auto-action-error-indication: 7", "service-information: hello"],
    ["entry-class: stored-message (3)", "sequence-number-range", "from: 1", "to: 9", "greater-or-equal", "limit: 100"],
    ["next: 5", "count: 3", "lowest: 1", "highest: 9", "absent: 2"],
    ["entry-class: draft (2)", "count: 3"], ["next: 5", "sequence-number: 4", "total: 300"],
    ["creation-time-range"], ["next: 4", "SequenceNumber: 2"], ["entry-class: delivery-log (4)"], ["delete-result-94"],
    ["registration-identifier: 3", "ua-registration-identifier: UA 1", "deregister-group"], ["registered-information"],
    ["alert-registration-identifier: 1", "sequence-number: 4"], [], ["specific-entries", "position: 2"], [],
    ["object-entry-class: submission (1)", "disable-auto-modify: True"], ["created-entry: 8", "auto-action-error-indication: 9"],
    ["originator-name"], ["store-draft-result", "created-entry: 8"],
]


@case("tshark reads each error as we do")
def _():
    needs_tshark()
    pdus = []
    judgeable = [fault for fault in FAULTS if ERRORS_WANTED[fault[0]] is not None]
    for number, (what, parameter, *_) in enumerate(judgeable, 1):
        pdus += [(True, RETRIEVAL_PORT, rose.invoke(number, 21, p7.list_(p7.selector()))),
                 (False, RETRIEVAL_PORT, rose.error(number, p7.ERRORS[what], parameter))]
    read, faults = judged(pdus)
    equal(faults, [])
    texts = ["\n".join(lines) for lines in read[3::2]]
    equal(len(texts), len(judgeable))
    for (what, *_), text in zip(judgeable, texts):
        for word in ERRORS_WANTED[what]:
            check(word in text, f"{what}: {word!r} is not what tshark saw in {text}")


# None: it knows no parameter of that code.
ERRORS_WANTED = {
    "attribute-error": ["invalid-attribute-value"], "auto-action-request-error": ["not-willing-to-perform"],
    "delete-error": ["stored-message-exists", "sequence-number: 7"], "fetch-restriction-error": ["restriction: 4000", "eit-problem"],
    "range-error": ["reversed"], "ms-security-error": None, "service-error": ["unwilling-to-perform", "not now"],
    "sequence-number-error": ["no-such-entry", "sequence-number: 0"], "invalid-parameters-error": [],
    "message-group-error": ["group-depth-exceeded"], "ms-extension-error": ["MSExtensionErrorParameter: 2.6.4.9.4"],
    "register-ms-error": ["registration-limit-exceeded"], "modify-error": ["failing-entry: 2", "modification-number: 3"],
    "entry-class-error": ["auto-action-log", "unsupported-entry-class: True"]}


@case("tshark finds nothing wrong in a value of any attribute")
def _():
    needs_tshark()
    pdus = []
    # It has a bug in the CHOICE of an AutoActionError, and no VideotexString.
    judgeable = [(kind, named) for kind, named in attributes() if named not in ("AutoActionError", "VideotexBodyPart", "VideotexData")]
    for number, (kind, named) in enumerate(judgeable, 1):
        pdus += [(True, RETRIEVAL_PORT, rose.invoke(number, 21, p7.list_(p7.selector()))),
                 (False, RETRIEVAL_PORT, rose.result(number, 21, ber.set_(ber.ctx(1, ber.seq(
                     p7.entry(number, p7.attribute(kind, VALUES[named])))))))]
    read, faults = judged(pdus)
    equal(faults, [])
    equal(len(read), 2 + len(pdus))


tap.main()
