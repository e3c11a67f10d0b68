/* The options that send, reply, forward and probe share, and how they fill a draft. */
#ifndef MHS_COMPOSE_H
#define MHS_COMPOSE_H

#include "mhs/draft.h"

enum compose_option {
    COMPOSE_FROM = 300,
    COMPOSE_TO,
    COMPOSE_CC,
    COMPOSE_BCC,
    COMPOSE_REPORT,
    COMPOSE_NOTIFY,
    COMPOSE_REPLY_REQUESTED,
    COMPOSE_PRECEDENCE,
    COMPOSE_ALTERNATE,
    COMPOSE_METHOD,
    COMPOSE_SUBJECT,
    COMPOSE_TEXT,
    COMPOSE_FILE,
    COMPOSE_CHARSET,
    COMPOSE_ATTACH,
    COMPOSE_ATTACH_AS,
    COMPOSE_BILATERAL,
    COMPOSE_PART,
    COMPOSE_PRIORITY,
    COMPOSE_DEFERRED,
    COMPOSE_LATEST,
    COMPOSE_DISCLOSE,
    COMPOSE_RETURN_CONTENT,
    COMPOSE_NO_CONVERSION,
    COMPOSE_NO_LOSS,
    COMPOSE_ALTERNATE_ALLOWED,
    COMPOSE_NO_REASSIGNMENT,
    COMPOSE_NO_EXPANSION,
    COMPOSE_EXEMPT,
    COMPOSE_CONTENT_IDENTIFIER,
    COMPOSE_P2,
    COMPOSE_IMPORTANCE,
    COMPOSE_SENSITIVITY,
    COMPOSE_EXPIRY,
    COMPOSE_REPLY_BY,
    COMPOSE_REPLY_TO,
    COMPOSE_LANGUAGE,
    COMPOSE_REFERENCE,
    COMPOSE_AUTHORIZING,
    COMPOSE_OBSOLETES,
    COMPOSE_RELATED,
    COMPOSE_AUTHORIZATION_TIME,
    COMPOSE_AUTO_SUBMITTED,
    COMPOSE_REPLIED_TO,
    COMPOSE_INCOMPLETE,
    COMPOSE_CIRCULATE,
    COMPOSE_DISTRIBUTION_CODE,
    COMPOSE_CATEGORY,
    COMPOSE_HANDLING,
    COMPOSE_PRECEDENCE_POLICY,
    COMPOSE_EXTENSION,
    COMPOSE_LENGTH
};

/* Rows of a command's table of options. */
#define COMPOSE_ORIGINATOR_OPTIONS                                                                           \
    { COMPOSE_FROM, "from", "ADDRESS", "the originator (default: CHASQUI_USER or the alias 'me')" }

#define COMPOSE_RECIPIENT_OPTIONS                                                                            \
    {COMPOSE_REPORT, "report", "WHICH",                                                                      \
     "none, non-delivery or delivery: of the recipients after it, or of all"},                               \
        {COMPOSE_ALTERNATE, "alternate", "ADDRESS",                                                          \
         "where to go if the recipient before it can't be reached"},                                         \
    {                                                                                                        \
        COMPOSE_METHOD, "delivery-method", "NAME",                                                           \
            "mhs, physical, telex …: of the recipients after it, or of all"                                \
    }

#define COMPOSE_ENVELOPE_OPTIONS                                                                             \
    {COMPOSE_DISCLOSE, "disclose", NULL, "disclose the recipients to each other"},                           \
        {COMPOSE_NO_CONVERSION, "conversion-prohibited", NULL, "no implicit conversion"},                    \
        {COMPOSE_NO_LOSS, "conversion-with-loss-prohibited", NULL, "no conversion that loses information"},  \
        {COMPOSE_ALTERNATE_ALLOWED, "alternate-allowed", NULL,                                               \
         "the domain's alternate recipient may get it"},                                                     \
        {COMPOSE_NO_REASSIGNMENT, "reassignment-prohibited", NULL, "recipients must not redirect it"},       \
        {COMPOSE_NO_EXPANSION, "dl-expansion-prohibited", NULL, "no recipient may be a distribution list"},  \
        {COMPOSE_EXEMPT, "dl-exempted", "ADDRESS", "a member of lists who is to get no copy from them"},     \
        {COMPOSE_CONTENT_IDENTIFIER, "content-identifier", "TEXT",                                           \
         "returned in reports (at most 16 characters)"},                                                     \
    {                                                                                                        \
        COMPOSE_P2, "p2", NULL, "content type 2 (1984) instead of 22"                                        \
    }

#define COMPOSE_MESSAGE_OPTIONS                                                                              \
    {COMPOSE_TO, "to", "ADDRESS", "a primary recipient"}, {COMPOSE_CC, "cc", "ADDRESS", "a copy recipient"}, \
        {COMPOSE_BCC, "bcc", "ADDRESS", "a blind copy recipient"},                                           \
        {COMPOSE_NOTIFY, "notify", "WHICH",                                                                  \
         "rn, nrn, return, an-supported, suppress-an, joined by commas: of the recipients after it, or of "  \
         "all"},                                                                                             \
        {COMPOSE_REPLY_REQUESTED, "reply-requested", NULL,                                                   \
         "ask the recipients after it, or all, for a reply"},                                                \
        {COMPOSE_PRECEDENCE, "precedence", "NUMBER",                                                         \
         "0 to 127, or SS, DD …: of the recipients after it, or of all"},                                    \
        {COMPOSE_SUBJECT, "subject", "TEXT", "the subject"}, {COMPOSE_TEXT, "text", "TEXT", "a text"},       \
        {COMPOSE_FILE, "file", "FILE", "a text from a file; '-' is standard input"},                         \
        {COMPOSE_CHARSET, "charset", "NAME", "character set of the texts after it (default: the smallest)"}, \
        {COMPOSE_ATTACH, "attach", "FILE", "a file, as a file transfer body part"},                          \
        {COMPOSE_ATTACH_AS, "attach-as", "TYPE:FILE",                                                        \
         "a file as g3-facsimile (TIFF), videotex, voice=OID, national, encrypted=OID, file=OID, bilateral " \
         "or OID"},                                                                                          \
        {COMPOSE_BILATERAL, "attach-bilateral", "FILE", "a file, as a bilaterally defined body part"},       \
        {COMPOSE_PART, "part", "FILE", "a whole BodyPart in BER, of any type ('mhs encode' makes one)"},     \
        {COMPOSE_PRIORITY, "priority", "NAME", "normal, non-urgent or urgent"},                              \
        {COMPOSE_DEFERRED, "deferred", "TIME", "do not deliver before this time"},                           \
        {COMPOSE_LATEST, "latest", "TIME", "do not deliver after this time"},                                \
        {COMPOSE_RETURN_CONTENT, "return-content", NULL, "return the content with a non-delivery report"},   \
        {COMPOSE_IMPORTANCE, "importance", "NAME", "low, normal or high"},                                   \
        {COMPOSE_SENSITIVITY, "sensitivity", "NAME", "personal, private or company-confidential"},           \
        {COMPOSE_EXPIRY, "expiry", "TIME", "when the message is of no more use"},                            \
        {COMPOSE_REPLY_BY, "reply-by", "TIME", "when a reply is wanted"},                                    \
        {COMPOSE_REPLY_TO, "reply-to", "ADDRESS", "who is to get the replies"},                              \
        {COMPOSE_AUTHORIZING, "authorizing-user", "ADDRESS", "who authorized the message"},                  \
        {COMPOSE_REPLIED_TO, "replied-to", "IPM-ID", "the message that this one answers"},                   \
        {COMPOSE_OBSOLETES, "obsoletes", "IPM-ID", "a message that this one replaces"},                      \
        {COMPOSE_RELATED, "related", "IPM-ID", "a message that this one has to do with"},                    \
        {COMPOSE_AUTHORIZATION_TIME, "authorization-time", "TIME", "when the message was authorized"},       \
        {COMPOSE_AUTO_SUBMITTED, "auto-submitted", "NAME", "auto-generated or auto-replied"},                \
        {COMPOSE_INCOMPLETE, "incomplete-copy", NULL, "parts or fields were left out of this copy"},         \
        {COMPOSE_CIRCULATE, "circulate", "ADDRESS",                                                          \
         "the next member of the circulation list; without recipients it goes to the first"},                \
        {COMPOSE_DISTRIBUTION_CODE, "distribution-code", "CODE", "[OID:]TEXT[@ADDRESS], or OID alone"},      \
        {COMPOSE_CATEGORY, "information-category", "CATEGORY", "[OID:]TEXT, or OID alone"},                  \
        {COMPOSE_HANDLING, "manual-handling", "TEXT", "an instruction for whoever handles it by hand"},      \
        {COMPOSE_PRECEDENCE_POLICY, "precedence-policy", "OID",                                              \
         "what the recipients' precedences mean; 'amhs': Doc 9880's"},                                       \
        {COMPOSE_EXTENSION, "heading-extension", "FILE",                                                     \
         "an IPMSExtension in BER: any other extension of the heading"},                                     \
        {COMPOSE_LANGUAGE, "language", "CODE", "a language of the message: en, de, pt-BR …"}, {              \
        COMPOSE_REFERENCE, "reference", "TEXT", "the originator's reference"                                 \
    }

/* What holds for the recipients and texts that follow. */
struct compose {
    struct draft *draft;
    struct draft_recipient next;
    int64_t registration;
    size_t last; /* the first recipient that the last option or operand named */
    bool idle[COMPOSE_METHOD - COMPOSE_FROM + 1]; /* options of recipients behind the last of them */
};

void compose_init(struct compose *compose, struct draft *draft);

/* Takes one option into the draft. Returns COMMAND_OK, or the exit code; what is wrong was said. */
int compose_take(struct compose *compose, const struct command_usage *usage, int id, const char *value);

/* Adds a text in the character set that --charset gave. Returns COMMAND_OK or the exit code. */
int compose_text(struct compose *compose, struct span text);

/* Fills the originator in, when no option gave one. Returns COMMAND_OK or the exit code. */
int compose_originator(struct compose *compose, const struct command_usage *usage);

/* Looks whether originator and recipients are there; fills the originator in, and gives all recipients what
 * was asked for behind the last one. Returns COMMAND_OK or the exit code. */
int compose_finish(struct compose *compose, const struct command_usage *usage);

#endif
