"""What tshark must read: readings (see tshark_text) of what a play has sent, written from the values alone.

Times that a daemon sets are "now". peer.every says what the extensions hold.
"""
from peer import every, names

WHEN, LATEST = "26-11-22 12:00:00 (UTC)", "36-11-22 12:00:00 (UTC)"
# tshark shows so an octet that is not UTF-8.
UNSHOWN = "\ufffd"
IPM_1988, IPM_1984 = "interpersonal-messaging-1988 (22)", "interpersonal-messaging-1984 (2)"


# --- names

def domain(text):
    a = names.parse(text)
    return [f"country-name: {a['C'][0]}", f"administration-domain-name: {a['A'][0]}"] + (
        [f"private-domain-identifier: {a['P'][0]}"] if "P" in a else [])


def address(text, extra=()):
    """An O/R address; `extra`: lines of further extension attributes."""
    a = names.parse(text)
    labels = (("S", "surname"), ("G", "given-name"), ("I", "initials"), ("Q", "generation-qualifier"))
    personal = [f"{label}: {a[key][0]}" for key, label in labels if key in a]
    out = ["built-in-standard-attributes", f"country-name: {a['C'][0]}", f"administration-domain-name: {a['A'][0]}"]
    out += [f"private-domain-name: {a['P'][0]}"] if "P" in a else []
    out += [f"organization-name: {a['O'][0]}"] if "O" in a else []
    out += ["personal-name", *personal] if personal else []
    out += ["organizational-unit-names"] + [f"OrganizationalUnitName: {unit}" for unit in a["OU"]] if "OU" in a else []
    common = _attribute("common-name", 1, f"CommonName: {a['CN'][0]}") if "CN" in a else []
    return out + (["extension-attributes", *common, *extra] if common or extra else [])


def _attribute(name, number, *lines):
    return ["ExtensionAttribute", f"extension-attribute-type: {name} ({number})", *lines]


def _camel(name):
    return "".join(word[0].upper() + word[1:] for word in name.split("-")).replace("Pds", "PDS")


POSTAL = {10: "physical-delivery-office-name", 11: "physical-delivery-office-number", 12: "extension-OR-address-components",
          13: "physical-delivery-personal-name", 14: "physical-delivery-organization-name",
          15: "extension-physical-delivery-address-components", 17: "street-address", 18: "post-office-box-address",
          19: "poste-restante-address", 20: "unique-postal-name", 21: "local-postal-attributes"}
UNIVERSAL = {number + 19: "universal-" + name for number, name in POSTAL.items() if number < 16} | {
    35: "universal-unformatted-postal-address"} | {
    number + 19: "universal-" + name for number, name in POSTAL.items() if number > 16}


def every_attribute():
    """every.extension_attributes()."""
    def universal(text):
        return [f"character-encoding: {text}", "iso-639-language-code: en"]
    out = [
        _attribute("teletex-common-name", 2, "TeletexCommonName: B\u00d8b\u00d8"),      # tshark's reading of T.61's E9
        _attribute("teletex-organization-name", 3, "TeletexOrganizationName: Org"),
        _attribute("teletex-personal-name", 4, "TeletexPersonalName", "surname: Bob", "given-name: Robert"),
        _attribute("teletex-organizational-unit-names", 5, "TeletexOrganizationalUnitNames",
                   "TeletexOrganizationalUnitName: Unit", "TeletexOrganizationalUnitName: Sub"),
        _attribute("teletex-domain-defined-attributes", 6, "TeletexDomainDefinedAttributes",
                   "TeletexDomainDefinedAttribute", "type: type", "value: value"),
        _attribute("pds-name", 7, "PDSName: PDS"),
        _attribute("physical-delivery-country-name", 8, "PhysicalDeliveryCountryName: DE"),
        _attribute("postal-code", 9, "PostalCode: 10115"),
        _attribute("unformatted-postal-address", 16, "UnformattedPostalAddress", "printable-address",
                   "printable-address item: Street 1", "printable-address item: Berlin", f"teletex-string: Stra{UNSHOWN}e 1")]
    out += [_attribute(name, number, _camel(name), f"printable-string: P{number}", f"teletex-string: P{number}")
            for number, name in POSTAL.items()]
    out += [
        _attribute("extended-network-address", 22, "ExtendedNetworkAddress: e163-4-address (0)", "e163-4-address",
                   "number: 493012345", "sub-address: 6"),
        _attribute("terminal-type", 23, "TerminalType: ia5-terminal (7)"),
        _attribute("universal-common-name", 24, "UniversalCommonName", *universal("Bob")),
        _attribute("universal-organization-name", 25, "UniversalOrganizationName", *universal("Org")),
        _attribute("universal-personal-name", 26, "UniversalPersonalName", "surname", "character-encoding: Bob",
                   "given-name", "character-encoding: Robert"),
        _attribute("universal-organizational-unit-names", 27, "UniversalOrganizationalUnitNames",
                   "UniversalOrganizationalUnitName", *universal("Unit")),
        _attribute("universal-domain-defined-attributes", 28, "UniversalDomainDefinedAttributes",
                   "UniversalDomainDefinedAttribute", "type", *universal("type"), "value", *universal("value"))]
    out += [_attribute(name, number, _camel(name), *universal(f"U{number}")) for number, name in UNIVERSAL.items()]
    return [line for lines in out for line in lines]


DIRECTORY = ["rdnSequence", "RDNSequence item", "RelativeDistinguishedName item", "Object Id: 2.5.4.6 (id-at-countryName)",
             "CountryName: GB", "RDNSequence item", "RelativeDistinguishedName item",
             "Object Id: 2.5.4.3 (id-at-commonName)", "DirectoryString: Ann"]


# --- extensions

ALGORITHM = "Algorithm Id: 1.2.840.113549.1.1.11 (sha256WithRSAEncryption)"
SIGNATURE = ["algorithmIdentifier", ALGORITHM, "encrypted: 9040000000000000"]
LABEL = ["security-policy-identifier: 1.3.6.1.4.1.32473.1 (iso.3.6.1.4.1.32473.1)",
         "security-classification: confidential (3)", "privacy-mark: IN CONFIDENCE"]
CERTIFICATES = [
    "userCertificate", "signedCertificate", "version: v3 (2)", "serialNumber: 0x4d", "signature", ALGORITHM,
    "issuer: rdnSequence (0)", *DIRECTORY, "validity", "notBefore: 2026-11-22 12:00:00 (UTC)",
    "notAfter: 2036-11-22 12:00:00 (UTC)", "subject: rdnSequence (0)", *DIRECTORY, "subjectPublicKeyInfo", "algorithm",
    "Algorithm Id: 1.2.840.113549.1.1.1 (rsaEncryption)", "subjectPublicKey: 300c020500c0ffee010203010001",
    "modulus: 0x00c0ffee01", "publicExponent: 65537", "algorithmIdentifier", ALGORITHM, "encrypted: 4400000000000000"]
TOKEN = [
    "token-type-identifier: 2.6.3.6.0 (id-tok-asymmetricToken)", "AsymmetricToken", "asymmetric-token-data",
    "signature-algorithm-identifier", ALGORITHM, "name: recipient-name (0)", "recipient-name", *address(every.BOB),
    f"time: {WHEN}", "signed-data", "type: message-token-signed-data (2)", "MessageTokenSignedData",
    "message-security-label", *LABEL, "message-sequence-number: 7", "algorithm-identifier", ALGORITHM,
    "encrypted: 2000000000000000"]
# What tshark does not know it shows by its tags (see excused in tshark_judge).
RAW_CARL = ["[APPLICATION 0]", "SEQUENCE", "[APPLICATION 1]", "PrintableString: FR", "[APPLICATION 2]",
            "PrintableString: ATLAS", "SET", "SEQUENCE", "[CONTEXT 0] 01", "[CONTEXT 1]", "PrintableString: Carl"]
RAW_BOB = ["[APPLICATION 0]", "SEQUENCE", "[APPLICATION 1]", "PrintableString: DE", "[APPLICATION 2]",
           "PrintableString: VIAT", "[CONTEXT 2]", "PrintableString: BETA", "[CONTEXT 3] 4f7267", "[CONTEXT 5]",
           "[CONTEXT 0] 426f62", "[CONTEXT 1] 526f62657274", "[CONTEXT 2] 42", "[CONTEXT 3] 4a72", "[CONTEXT 6]",
           "PrintableString: Unit", "PrintableString: Sub"]
RAW_ALGORITHM = ["SEQUENCE", "OID: 1.2.840.113549.1.1.11 (sha256WithRSAEncryption)", "NULL tag"]
RAW_TOKEN = ["SEQUENCE", "[CONTEXT 0] 56030600", "[CONTEXT 1]", "SEQUENCE", "SEQUENCE", *RAW_ALGORITHM, *RAW_BOB,
             "UTCTime: 261122120000Z", "[CONTEXT 0]", "[CONTEXT 0] 02", "[CONTEXT 1]", "SEQUENCE", "[CONTEXT 2]",
             "OID: 1.3.6.1.4.1.32473.1 (iso.3.6.1.4.1.32473.1)", "INTEGER: 3", "PrintableString: IN CONFIDENCE",
             "[CONTEXT 4] 07", *RAW_ALGORITHM, "BITSTRING: 2000000000000000"]
CARL, LIST = address(every.CARL), address(every.LIST)
EXTENSIONS = {
    1: ["recipient-reassignment-prohibited (1)", "RecipientReassignmentProhibited: recipient-reassignment-prohibited (1)"],
    2: ["originator-requested-alternate-recipient (2)", "OriginatorRequestedAlternateRecipient", *CARL],
    3: ["dl-expansion-prohibited (3)", "DLExpansionProhibited: dl-expansion-prohibited (1)"],
    4: ["conversion-with-loss-prohibited (4)", "ConversionWithLossProhibited: conversion-with-loss-prohibited (1)"],
    5: ["latest-delivery-time (5)", f"LatestDeliveryTime: {LATEST}"],
    6: ["requested-delivery-method (6)", "RequestedDeliveryMethod", "RequestedDeliveryMethod item: mhs-delivery (1)",
        "RequestedDeliveryMethod item: any-delivery-method (0)"],
    7: ["physical-forwarding-prohibited (7)", "PhysicalForwardingProhibited: physical-forwarding-prohibited (1)"],
    8: ["physical-forwarding-address-request (8)",
        "PhysicalForwardingAddressRequest: physical-forwarding-address-requested (1)"],
    9: ["physical-delivery-modes (9)", "PhysicalDeliveryModes", "ordinary-mail: True", "bureau-fax-delivery: True"],
    10: ["registered-mail-type (10)", "RegisteredMailType: registered-mail-to-addressee-in-person (2)"],
    11: ["recipient-number-for-advice (11)", "RecipientNumberForAdvice: 4711"],
    12: ["physical-rendition-attributes (12)", "PhysicalRenditionAttributes: 2.6.3.5.0 (joint-iso-itu-t.6.3.5.0)"],
    13: ["originator-return-address (13)", "OriginatorReturnAddress", *address(every.ANN + "CN=return/")],
    14: ["physical-delivery-report-request (14)", "PhysicalDeliveryReportRequest: return-of-notification-by-PDS (1)"],
    15: ["originator-certificate (15)", "OriginatorCertificate", *CERTIFICATES],
    16: ["message-token (16)", "MessageToken", *TOKEN],
    17: ["content-confidentiality-algorithm-identifier (17)", "ContentConfidentialityAlgorithmIdentifier", ALGORITHM],
    18: ["content-integrity-check (18)", "ContentIntegrityCheck", *SIGNATURE],
    19: ["message-origin-authentication-check (19)", "MessageOriginAuthenticationCheck", *SIGNATURE],
    20: ["message-security-label (20)", "MessageSecurityLabel", *LABEL],
    22: ["proof-of-delivery-request (22)", "ProofOfDeliveryRequest: proof-of-delivery-requested (1)"],
    23: ["content-correlator (23)", "ContentCorrelator: correlator"],
    24: ["probe-origin-authentication-check (24)", "ProbeOriginAuthenticationCheck", *SIGNATURE],
    27: ["physical-forwarding-address (27)", "PhysicalForwardingAddress", *CARL],
    28: ["recipient-certificate (28)", "RecipientCertificate", *CERTIFICATES],
    29: ["proof-of-delivery (29)", "ProofOfDelivery", *SIGNATURE],
    32: ["reporting-MTA-certificate (32)", "ReportingMTACertificate", *CERTIFICATES],
    33: ["report-origin-authentication-check (33)", "ReportOriginAuthenticationCheck", *SIGNATURE],
    40: ["multiple-originator-certificates (40)", "ExtendedCertificates", "ExtendedCertificate: rdnSequence (0)", *DIRECTORY],
    41: ["blind-copy-recipients (41)", "SEQUENCE", "SET", "[CONTEXT 0]", *RAW_CARL],
    42: ["dl-exempted-recipients (42)", "DLExemptedRecipients", "ORAddressAndOrDirectoryName", *CARL],
    43: ["body-part-encryption-token (43)", "SET", "SET", "INTEGER: 1", "SET", *RAW_ALGORITHM, "BITSTRING: 8040000000000000"],
    44: ["forwarded-content-token (44)", "SET", "SET", "INTEGER: 1", *RAW_TOKEN],
    45: ["certificate-selectors (45)", "CertificateSelectors", "token-signature", "serialNumber: 0x1092"],
    46: ["Unknown (46)", "SET", "[CONTEXT 3]", "[CONTEXT 0] 1092"],
    every.PRIVATE: [f"{every.PRIVATE} (iso{every.PRIVATE[1:]})", "OCTETSTRING: 70726976617465"],
}
CRITICAL = {"for-delivery"}


def field(kind_and_value, critical=()):
    kind, *value = kind_and_value
    bits = ["criticality", *(f"{bit}: True" for bit in critical)] if critical else []
    return ["ExtensionField", f"type: {kind}", *bits, *value]


def extensions(*kinds, critical=()):
    """Fields of peer.every by their numbers; those in `critical` are so for delivery."""
    return [line for kind in kinds for line in field(EXTENSIONS[kind], CRITICAL if kind in critical else ())]


def history(label, kind, item, name, time_name, *entries):
    """A history of (address, time)."""
    return field([kind, label] + [line for entry, when in entries
                                  for line in (item, name, *address(entry), f"{time_name}: {when}")])


def dl_history(*entries):
    return history("DLExpansionHistory", "dl-expansion-history (26)", "DLExpansion", "dl", "dl-expansion-time", *entries)


def originator_and_dl_history(*entries):
    return history("OriginatorAndDLExpansionHistory", "originator-and-DL-expansion-history (30)", "OriginatorAndDLExpansion",
                   "originator-or-dl-name", "origination-or-expansion-time", *entries)


def redirection_history(intended, when="now"):
    return field(["redirection-history (25)", "RedirectionHistory", "Redirection", "intended-recipient-name",
                  "intended-recipient", *address(intended), f"redirection-time: {when}",
                  "redirection-reason: recipient-assigned-alternate-recipient (0)"])


def reporting_dl(name):
    return field(["reporting-DL-name (31)", "ReportingDLName", *address(name)])


def reporting_mta(where, mta):
    return field(["reporting-MTA-name (39)", "ReportingMTAName", "domain", *domain(where), f"mta-name: {mta}"])


# --- envelopes

def _supplied(when, actions, deferred):
    return [f"arrival-time: {when}", "routing-action: relayed (0)",
            *([f"deferred-time: {deferred}"] if deferred else []),
            *(["other-actions", *(f"{action}: True" for action in actions)] if actions else [])]


def trace(*elements, label="trace-information", deferred=None):
    """Elements are (domain, actions), or (domain, actions, time)."""
    out = [label]
    for where, actions, *when in elements:
        out += ["TraceInformationElement", "global-domain-identifier", *domain(where), "domain-supplied-information",
                *_supplied(*(when or ["now"]), actions, deferred)]
    return out


def internal_trace(*elements, deferred=None):
    """Elements are (domain, MTA, actions), or (domain, MTA, actions, time)."""
    out = ["internal-trace-information (38)", "InternalTraceInformation"]
    for where, mta, actions, *when in elements:
        out += ["InternalTraceInformationElement", "global-domain-identifier", *domain(where), f"mta-name: {mta}",
                "mta-supplied-information", *_supplied(*(when or ["now"]), actions, deferred)]
    return field(out)


def bilateral(*entries):
    """Per-domain bilateral information: (domain, the reading of the value)."""
    out = ["per-domain-bilateral-information"] if entries else []
    for where, value in entries:
        a = names.parse(where)
        out += ["PerDomainBilateralInformation", f"country-name: {a['C'][0]}"]
        out += ["domain: private-domain (1)", "private-domain", f"administration-domain-name: {a['A'][0]}",
                f"private-domain-identifier: {a['P'][0]}"] if "P" in a else [f"domain: {a['A'][0]}"]
        out += ["bilateral-information", value]
    return out


def identifier(label, where, local):
    return [label, "global-domain-identifier", *domain(where), f"local-identifier: {local}"]


def types(*built_in, extended=()):
    """Encoded information types; an empty list of built-in ones is an empty BIT STRING."""
    out = ["original-encoded-information-types"]
    out += ["built-in-encoded-information-types", *(f"{name}: True" for name in built_in)] if built_in else [
        "built-in-encoded-information-types: 00", "Empty: 0"]
    return out + (["extended-encoded-information-types"] if extended else []) + [
        f"ExtendedEncodedInformationType: {oid} ({'iso' + oid[1:] if oid[0] == '1' else 'joint-iso-itu-t' + oid[1:]})"
        for oid in extended]


REPORTED = ("responsibility", "originating-MTA-report", "originator-report")
NON_DELIVERY = ("responsibility", "originating-MTA-non-delivery-report", "originator-non-delivery-report")


def indicators(label, bits):
    return [label, *(f"{bit}: True" for bit in bits)]


def _extensions(lines):
    return ["extensions", *lines] if lines else []


def recipient(name, number=1, bits=REPORTED, conversion=None, extended=(), extra=(), directory=False, probe=False):
    return [f"PerRecipient{'Probe' if probe else 'Message'}TransferFields", "recipient-name", *address(name, extra),
            *(["directory-name: rdnSequence (0)", *DIRECTORY] if directory else []),
            f"originally-specified-recipient-number: {number}", *indicators("per-recipient-indicators", bits),
            *([f"explicit-conversion: {conversion}"] if conversion else []), *_extensions(extended)]


def message(where, local, originator, recipients, content, **o):
    """A message and its content's reading. `recipients`: readings made by recipient()."""
    return ["MTS-APDU: message (0)", "message", "envelope", *identifier("message-identifier", where, local),
            "originator-name", *address(originator), *o.get("eits", types("ia5-text")),
            f"content-type: {o.get('content_type', IPM_1988)}",
            *([f"content-identifier: {o['content_identifier']}"] if "content_identifier" in o else []),
            *([f"priority: {o['priority']}"] if "priority" in o else []),
            *(indicators("per-message-indicators", o["indicators"]) if "indicators" in o else []),
            *([f"deferred-delivery-time: {o['deferred']}"] if "deferred" in o else []),
            *o.get("bilateral", []), *o["trace"], *_extensions(o.get("extensions")), "per-recipient-fields",
            *(line for lines in recipients for line in lines), "content", *content]


def probe(where, local, originator, recipients, **o):
    return ["MTS-APDU: probe (2)", "probe", *identifier("probe-identifier", where, local), "originator-name",
            *address(originator), *o.get("eits", []), f"content-type: {o.get('content_type', IPM_1988)}",
            *([f"content-identifier: {o['content_identifier']}"] if "content_identifier" in o else []),
            *([f"content-length: {o['length']}"] if "length" in o else []),
            *(indicators("per-message-indicators", o["indicators"]) if "indicators" in o else []),
            *o.get("bilateral", []), *o["trace"], *_extensions(o.get("extensions")), "per-recipient-fields",
            *(line for lines in recipients for line in lines)]


def report(where, destination, subject, recipients, returned=(), **o):
    """A report; its own identifier is any of the domain `where`, or o["local"]. `subject`: domain and local identifier;
    `returned`: the content's reading; content_first: in the SET it stands before the recipients."""
    return ["MTS-APDU: report (1)", "report", "envelope", *identifier("report-identifier", where, o.get("local", "any")),
            "report-destination-name", *address(destination), *o["trace"], *_extensions(o.get("extensions")), "content",
            *identifier("subject-identifier", *subject), *o.get("intermediate", []),
            *o.get("eits", types("ia5-text")),
            *([f"content-type: {o['content_type']}"] if o.setdefault("content_type", IPM_1988) else []),
            *([f"content-identifier: {o['content_identifier']}"] if "content_identifier" in o else []),
            *(["content"] if returned and o.get("content_first") else []), *_extensions(o.get("content_extensions")),
            "per-recipient-fields", *(line for lines in recipients for line in lines),
            *(["content"] if returned and not o.get("content_first") else []), *returned]


def reported(name, number=1, delivered="now", reason=None, bits=REPORTED, **o):
    """PerRecipientReportTransferFields: a delivery to a private user, else the lines of `reason`."""
    last = ["report-type: delivery (0)", "delivery", f"message-delivery-time: {delivered}",
            *([] if o.get("no_user_type") else ["type-of-MTS-user: private (1)"])]
    if reason:
        last = ["report-type: non-delivery (1)", "non-delivery", *reason]
    return ["PerRecipientReportTransferFields", "actual-recipient-name", *address(name, o.get("extra", ())),
            *(["directory-name: rdnSequence (0)", *DIRECTORY] if o.get("directory") else []),
            f"originally-specified-recipient-number: {number}", *indicators("per-recipient-indicators", bits),
            "last-trace-information", f"arrival-time: {o.get('arrival', 'now')}", *last,
            *(["originally-intended-recipient-name", *address(o["intended"])] if "intended" in o else []),
            *([f"supplementary-information: {o['supplementary']}"] if "supplementary" in o else []),
            *_extensions(o.get("extensions"))]


NO_ACCESS_UNIT = ["non-delivery-reason-code: physical-delivery-not-performed (4)",
                  "supplementary-information: no physical delivery access unit"]
UNRECOGNIZED = ["non-delivery-reason-code: unable-to-transfer (1)", "non-delivery-diagnostic-code: unrecognised-OR-name (0)"]


# --- contents

def ipm_identifier(label, local, user=None):
    return [label, *(["user", *address(user)] if user else []), f"user-relative-identifier: {local}"]


def formal(label, name):
    return [label, "formal-name", *address(name)]


def copy(label, name, *more):
    return [label, "recipient", *([] if not name else ["formal-name", *address(name)]), *more]


def ia5(text, repertoire=True):
    return ["BodyPart: ia5-text (0)", "ia5-text", "parameters", *(["repertoire: ia5 (5)"] if repertoire else []),
            f"data: {text}"]


def simple_ipm(local, originator, recipient_name, subject=None, body=(), user=None):
    """The IPMs of peer.ipm, and those of `mhs send` with one primary recipient and no other options."""
    return ["ipm", "heading", *ipm_identifier("this-IPM", local, user), *formal("originator", originator),
            "primary-recipients", *copy("PrimaryRecipientsSubfield", recipient_name),
            *([f"subject: {subject}"] if subject else []), "body", *body]


FILE_TRANSFER, FILE_DATA = "2.6.1.11.12 (id-ep-file-transfer)", "2.6.1.4.12 (id-et-file-transfer)"


def file_part(name, modified, size, octets):
    return ["BodyPart: extended (1)", "extended", "parameters", f"direct-reference: {FILE_TRANSFER}",
            "encoding: single-ASN1-type (0)", "FileTransferParameters", "environment",
            "application-reference: 2.16.840.1.113694.2.2.1.1 (US company arc.113694.2.2.1.1)", "file-attributes",
            "pathname: incomplete-pathname (0)", "incomplete-pathname", f"Pathname item: {name}",
            f"date-and-time-of-last-modification: {modified}", f"object-size: {size}", "data",
            f"direct-reference: {FILE_DATA}", "encoding: single-ASN1-type (0)", "FileTransferData", "FileTransferData item",
            "direct-reference: 1.0.8571.2.4 (FTAM unstructured binary abstract syntax)", "encoding: single-ASN1-type (0)",
            f"OCTETSTRING: {cut(octets)}"]


def cut(octets):
    """tshark shows the first 36 octets of long ones."""
    return octets.hex() if len(octets) <= 36 else octets[:36].hex() + "\u2026"


def general_text(octets, *sets):
    return ["BodyPart: extended (1)", "extended", "parameters", "direct-reference: 2.6.1.11.11 (id-ep-general-text)",
            "encoding: single-ASN1-type (0)", "GeneralTextParameters", *(f"CharacterSetRegistration: {name}" for name in sets),
            "data", "direct-reference: 2.6.1.4.11 (id-et-general-text)", "encoding: single-ASN1-type (0)",
            "GeneralTextData: " + octets.decode("utf-8", "replace")]
