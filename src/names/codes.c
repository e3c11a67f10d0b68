#include "names/codes.h"

#include <string.h>

#include "asn1/table.h"
#include "schema/x411.h"

static const char *name_of(const struct ber_type *type, int64_t code) {
    for (size_t i = 0; i < type->name_count; i++) {
        if (type->names[i].number == code)
            return type->names[i].name;
    }
    return NULL;
}

static int64_t code_of(const struct ber_type *type, const char *name) {
    for (size_t i = 0; i < type->name_count; i++) {
        if (strcmp(type->names[i].name, name) == 0)
            return type->names[i].number;
    }
    return -1;
}

const char *non_delivery_reason_name(int64_t code) {
    return name_of(&x411_NonDeliveryReasonCode_type, code);
}

const char *non_delivery_diagnostic_name(int64_t code) {
    return name_of(&x411_NonDeliveryDiagnosticCode_type, code);
}

int64_t non_delivery_reason_code(const char *name) {
    return code_of(&x411_NonDeliveryReasonCode_type, name);
}

int64_t non_delivery_diagnostic_code(const char *name) {
    return code_of(&x411_NonDeliveryDiagnosticCode_type, name);
}

const char *redirection_reason_name(int64_t code) {
    return name_of(&x411_RedirectionReason_type, code);
}

static const char *const reasons[] = {
    "The message could not be passed on, though it was attempted",
    "The message cannot be passed on to this recipient",
    "The message would have had to be converted, and was not",
    "The message could not be rendered on paper",
    "The message could not be delivered by post",
    "The recipient does not accept messages from this originator",
    "The directory could not tell where the recipient is",
    "Deferred delivery was not carried out",
    "The message was not passed on for a reason of security",
};

static const char *const diagnostics[] = {
    [0] = "There is no such recipient",
    [1] = "The address fits more than one recipient",
    [2] = "The message transfer system is overloaded",
    [3] = "The message went round in a loop",
    [4] = "The recipient's mailbox or system is not available",
    [5] = "The time allowed for delivery ran out",
    [6] = "The recipient cannot take this kind of text or data",
    [7] = "The message is too long for the recipient",
    [8] = "A conversion was needed that cannot be done",
    [9] = "A conversion was needed that the originator prohibited",
    [10] = "A conversion was needed that the recipient has not subscribed to",
    [11] = "The message's parameters contradict one another",
    [12] = "The message's content is malformed",
    [13] = "A part of the message is larger than allowed",
    [14] = "The protocol was violated",
    [15] = "The recipient cannot take this type of content",
    [16] = "There are too many recipients",
    [17] = "The domains have no agreement to exchange such messages",
    [18] = "A critical function is not supported",
    [19] = "Converting the message would lose information, which the originator prohibited",
    [20] = "Converting would lose information: a line is too long",
    [21] = "Converting would lose information: a page would be split",
    [22] = "Converting would lose information: pictorial symbols",
    [23] = "Converting would lose information: punctuation",
    [24] = "Converting would lose information: letters",
    [25] = "Converting would lose information in several ways",
    [26] = "The recipient is redirected, which the originator prohibited",
    [27] = "Redirection went round in a loop",
    [28] = "The recipient is a distribution list, which the originator prohibited",
    [29] = "The originator may not use this distribution list",
    [30] = "The distribution list could not be expanded",
    [31] = "The kind of printing asked for is not available",
    [32] = "The postal address is incorrect",
    [33] = "The post office in the address is incorrect or does not exist",
    [34] = "The postal address is incomplete",
    [35] = "The recipient is not known at the postal address",
    [36] = "The recipient is deceased",
    [37] = "The organization at the postal address no longer exists",
    [38] = "The recipient refused to accept the letter",
    [39] = "The recipient did not collect the letter",
    [40] = "The recipient has moved permanently",
    [41] = "The recipient has moved temporarily",
    [42] = "The recipient's temporary address has changed",
    [43] = "The recipient has moved to an address that is not known",
    [44] = "The recipient did not want the letter forwarded",
    [45] = "The originator prohibited forwarding of the letter",
    [46] = "A security service failed",
    [47] = "The message cannot be expressed for an older system on the way",
    [48] = "The transfer could not be completed",
    [49] = "Passing the message on was attempted too often",
    [50] = "The type of notification is wrong",
    [51] = "The security policy prohibits expansion of the distribution list",
    [52] = "The alternate recipient is not allowed",
    [53] = "The message is against the security policy",
    [54] = "The security services asked for are refused",
    [55] = "A member of the distribution list is not authorised",
    [56] = "The distribution list is not authorised",
    [57] = "The recipient originally intended is not authorised",
    [58] = "The originator is not authorised",
    [59] = "The recipient is not authorised",
    [60] = "The system is not reliable",
    [61] = "The message could not be authenticated",
    [62] = "The message could not be decrypted",
    [63] = "The key for decryption could not be obtained",
    [64] = "The message could not be put into an inner envelope",
    [65] = "The message could not be taken out of its inner envelope",
    [66] = "The proof of the message failed",
    [67] = "The message's integrity is damaged",
    [68] = "The security label is not valid",
    [69] = "A key failed",
    [70] = "A mandatory parameter is absent",
    [71] = "A security operation failed",
    [72] = "The message could not be made non-repudiable",
    [73] = "The message does not fit the security context",
    [74] = "The message's token could not be decrypted",
    [75] = "The message's token is faulty",
    [76] = "The security label is not known",
    [77] = "The algorithm is not supported",
    [78] = "The security policy is not supported",
};

const char *non_delivery_reason_text(int64_t code) {
    if (code < 0 || (uint64_t)code >= sizeof(reasons) / sizeof(reasons[0]))
        return "The message was not delivered, for a reason that is not known here";
    return reasons[code];
}

const char *non_delivery_diagnostic_text(int64_t code) {
    if (code < 0 || (uint64_t)code >= sizeof(diagnostics) / sizeof(diagnostics[0]))
        return "The cause is not known here";
    return diagnostics[code];
}
