#include "ipc/frame.h"

#include <stdio.h>

#include "ipc/bind.h"
#include "ipc/door.h"
#include "ipc/payload.h"

#define ANY32 UINT32_MAX
#define ANY64 UINT64_MAX

#define FIELDS(...)                                                                                          \
    .fields = (const struct ipc_field[]){__VA_ARGS__},                                                       \
    .field_count = sizeof((const struct ipc_field[]){__VA_ARGS__}) / sizeof(struct ipc_field)

#define U8(name, least, most)                                                                                \
    { IPC_U8, name, least, most, false }
#define U16(name)                                                                                            \
    { IPC_U16, name, 0, UINT16_MAX, false }
#define U32(name)                                                                                            \
    { IPC_U32, name, 0, ANY32, false }
#define U64(name)                                                                                            \
    { IPC_U64, name, 0, ANY64, false }
#define LENGTH(name, most)                                                                                   \
    { IPC_U32, name, 1, most, false }
#define OCTETS(name, least, most)                                                                            \
    { IPC_OCTETS, name, least, most, false }
#define REST(name, least, most)                                                                              \
    { IPC_REST, name, least, most, false }
#define CREDENTIALS                                                                                          \
    U8("credentials' form (enum ipc_credentials_form)", 0, IPC_CREDENTIALS_STRONG),                          \
        OCTETS("name", 0, IPC_BIND_TEXT_MAX), OCTETS("password", 0, IPC_BIND_TEXT_MAX)

/* Of an activity's identifier; X.228 has at most 6 octets, some have more. */
#define ACTIVITY_MAX 64

#define UP        .states = IPC_STATE_UP
#define PAYLOAD   .most = IPC_PAYLOAD_MAX
#define LOCAL     .most = IPC_CLIENT_MAX
#define BOUNDED   .most = 128 * 1024
#define TO_STORE  .from = IPC_NET, .to = IPC_STORE
#define TO_NET    .from = IPC_STORE, .to = IPC_NET
#define OF_CLIENT .from = IPC_CLIENT | IPC_CLIENTS
#define TO_CLIENT .from = IPC_STORE | IPC_READER | IPC_CLIENTS, .to = IPC_CLIENTS | IPC_CLIENT
#define CHILDREN  (IPC_STORE | IPC_READER | IPC_NET | IPC_CLIENTS)

static const struct ipc_frame frames[IPC_NUMBERS] = {
    /* ---- associations ---- */
    [IPC_BIND] = {"bind", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NEW, BOUNDED, .secret = true,
                  FIELDS(U8("direction (enum ipc_direction)", 0, IPC_DIRECTION_PING),
                         U8("binder (enum ipc_binder)", 0, IPC_BINDER_MS_USER),
                         OCTETS("O/R address of a user", 0, IPC_BIND_ADDRESS_MAX), OCTETS("peer", 0, ANY32),
                         OCTETS("address", 0, IPC_IDENTIFIER_MAX),
                         U8("mode (enum ipc_mode)", IPC_MODE_NORMAL, IPC_MODE_1984),
                         U8("two-way alternate", 0, 1), U8("security context asked for", 0, 1),
                         OCTETS("association's identifier", 0, IPC_IDENTIFIER_MAX),
                         OCTETS("identifier of the association to recover, or none", 0, IPC_IDENTIFIER_MAX),
                         CREDENTIALS, OCTETS("called T-selector", 0, ANY32),
                         OCTETS("called S-selector", 0, ANY32), OCTETS("called P-selector", 0, ANY32),
                         OCTETS("calling T-selector", 0, ANY32), OCTETS("calling S-selector", 0, ANY32),
                         OCTETS("calling P-selector", 0, ANY32),
                         U8("the names asked for were resolved", 0, 1),
                         REST("those of them that are the caller's, octets each", 0, ANY32)),
                  .help = "Somebody wants to associate with us (IN), or the responder of a call of ours has "
                          "answered (OUT, PING): may it be?"},
    [IPC_BIND_ANSWER] =
        {"bind-answer", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_ASKED, BOUNDED, .secret = true,
         FIELDS(U8("verdict (enum ipc_bind_verdict)", IPC_BIND_ADMITTED, IPC_BIND_CANNOT_RECOVER),
                OCTETS("peer", 0, ANY32), OCTETS("parameter", 0, ANY32), OCTETS("cause", 0, ANY32),
                CREDENTIALS, U8("messages waiting are told", 0, 1), U32("urgent ones"), U32("normal ones"),
                U32("non-urgent ones"), REST("names of hosts to resolve, octets each", 0, ANY32)),
         .help = "For RT-RECOVER the peer is the one that the broken association belonged "
                 "to: the store process has fenced that, and found the same address."},
    [IPC_ASSOCIATION_CLOSE] =
        {"association-close", .from = IPC_NET | IPC_STORE, .to = IPC_NET | IPC_STORE, IPC_ABOUT_ASSOCIATION,
         IPC_STATE_UP | IPC_STATE_ASKED | IPC_STATE_CLOSING | IPC_STATE_USER, BOUNDED,
         FIELDS(U8("how (enum ipc_close)", IPC_CLOSE_RELEASED, IPC_CLOSE_BROKEN), OCTETS("cause", 0, ANY32)),
         .help = "From the net process: it is gone. From the store process: it must go."},
    [IPC_CONNECT] = {"connect", TO_NET, IPC_ABOUT_PROCESS, UP, BOUNDED, .secret = true,
                     FIELDS(
                         OCTETS("peer", 1, ANY32),
                         OCTETS("identifier of the association to recover, or none", 0, IPC_IDENTIFIER_MAX),
                         CREDENTIALS),
                     .help = "Open an association; the credentials are ours. Answered once, by bind (OUT) "
                             "when the responder has accepted, else by connect-failed; each names the peer "
                             "as it stands here, whatever a reload does meanwhile."},
    [IPC_CONNECT_FAILED] = {"connect-failed", TO_STORE, IPC_ABOUT_PROCESS, UP, BOUNDED,
                            FIELDS(OCTETS("peer", 0, ANY32),
                                   U8("layer (enum ipc_layer)", IPC_LAYER_TCP, IPC_LAYER_NAME),
                                   OCTETS("cause", 0, ANY32),
                                   OCTETS("identifier of the association to recover, or none", 0,
                                          IPC_IDENTIFIER_MAX)),
                            .help = "The cause says layer, parameter, reason and what to do."},

    /* ---- a transfer in; one at a time on each association ---- */
    [IPC_TRANSFER_WHOLE] =
        {"transfer-whole", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_INBOUND, PAYLOAD,
         FIELDS(U32("transfer"), U8("kind (enum ipc_apdu)", IPC_APDU_MESSAGE, IPC_APDU_REPORT),
                OCTETS("activity", 0, ACTIVITY_MAX), OCTETS("envelope", 1, ANY32), REST("content", 0, ANY32)),
         .help = "The whole APDU at once. A probe's or report's envelope is the APDU's inner element. The "
                 "transfer's number rises within the association: an answer says which transfer it is for, "
                 "since a peer may have given that one up and begun another."},
    [IPC_TRANSFER_BEGIN] = {"transfer-begin", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_INBOUND, BOUNDED,
                            FIELDS(U32("transfer"), OCTETS("activity", 0, ACTIVITY_MAX)),
                            .help = "A transfer in pieces begins."},
    [IPC_TRANSFER_ENVELOPE] =
        {"transfer-envelope", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_ENVELOPE, PAYLOAD,
         FIELDS(U8("kind (enum ipc_apdu)", IPC_APDU_PARTIAL, IPC_APDU_REPORT),
                REST("the next octets of the envelope", 1, ANY32)),
         .help = "As soon as it is complete, before any content. The octets that came before a checkpoint go "
                 "before it, with kind IPC_APDU_PARTIAL while others follow."},
    [IPC_TRANSFER_CONTENT] = {"transfer-content", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_CONTENT, PAYLOAD,
                              FIELDS(REST("the next octets of the content", 1, ANY32)), .help = ""},
    [IPC_TRANSFER_CHECKPOINT] = {"transfer-checkpoint", TO_STORE, IPC_ABOUT_ASSOCIATION,
                                 IPC_STATE_ENVELOPE | IPC_STATE_CONTENT, BOUNDED,
                                 FIELDS(U32("serial"), U64("octets of the APDU up to here"),
                                        REST("parser's state", 0, IPC_PARSER_STATE_MAX)),
                                 .help = "The parser's state is the net process's own."},
    [IPC_TRANSFER_CHECKPOINT_DONE] = {"transfer-checkpoint-done", TO_NET, IPC_ABOUT_ASSOCIATION, UP, BOUNDED,
                                      FIELDS(U32("transfer"), U32("serial")),
                                      .help = "Everything up to this checkpoint is on disk."},
    [IPC_TRANSFER_END] = {"transfer-end", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_CONTENT, BOUNDED,
                          .help = "The APDU is complete."},
    [IPC_TRANSFER_RESULT] = {"transfer-result", TO_NET, IPC_ABOUT_ASSOCIATION, UP, BOUNDED,
                             FIELDS(U32("transfer"),
                                    U8("result (enum ipc_result)", IPC_ACCEPTED, IPC_REFUSED),
                                    OCTETS("cause", 0, ANY32)),
                             .help = "The answer to transfer-whole and transfer-end. A refusal may come "
                                     "before the end, in answer to a checkpoint."},
    [IPC_TRANSFER_STOP] = {"transfer-stop", TO_STORE, IPC_ABOUT_ASSOCIATION,
                           IPC_STATE_NO_INBOUND | IPC_STATE_ENVELOPE | IPC_STATE_CONTENT, BOUNDED,
                           FIELDS(U8("keep", 0, 1)),
                           .help = "The transfer ends unfinished. 1: interrupted, or the association broke: "
                                   "what is checkpointed is kept for a resume; 0: discarded by the sender."},
    [IPC_RESUME] = {"resume", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_INBOUND, BOUNDED,
                    FIELDS(U32("transfer"),
                           OCTETS("old association's identifier, none: this one's", 0, IPC_IDENTIFIER_MAX),
                           OCTETS("old activity", 0, ACTIVITY_MAX), U32("serial"),
                           OCTETS("the activity's identifier here, from now on", 0, ACTIVITY_MAX)),
                    .help = "A peer wants to resume."},
    [IPC_RESUME_RESULT] = {"resume-result", TO_NET, IPC_ABOUT_ASSOCIATION, UP, PAYLOAD,
                           FIELDS(U32("transfer"),
                                  U8("result (enum ipc_resume)", IPC_RESUME_FROM, IPC_RESUME_REFUSED),
                                  U32("serial"), U64("offset"),
                                  OCTETS("parser's state", 0, IPC_PARSER_STATE_MAX),
                                  REST("what had come of an envelope that was not complete", 0, ANY32)),
                           .help = ""},

    /* ---- a transfer out; one at a time on each association ---- */
    [IPC_SEND_BEGIN] = {"send-begin", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_OUTBOUND, PAYLOAD,
                        FIELDS(U64("octets of the content"), U64("start, an offset in the APDU"),
                               U32("last serial that was confirmed"),
                               OCTETS("old association's identifier", 0, IPC_IDENTIFIER_MAX),
                               OCTETS("old activity", 0, ACTIVITY_MAX), OCTETS("prefix", 0, ANY32),
                               REST("content", 0, ANY32)),
                        .help =
                            "Start, serial and both names are 0 and empty but for a resume. The prefix is "
                            "the APDU's octets before the content (the MTS-APDU without EXTERNAL). A content "
                            "of at most IPC_WHOLE_MAX octets comes with it, any other by send-read."},
    [IPC_SEND_READ] = {"send-read", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_SENDING, BOUNDED,
                       FIELDS(U64("offset in the content"), LENGTH("length", IPC_CHUNK)), .help = ""},
    [IPC_SEND_DATA] = {"send-data", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_SENDING | IPC_STATE_NO_OUTBOUND,
                       PAYLOAD, FIELDS(U64("offset"), REST("content", 0, ANY32)),
                       .help = "The transfer may have ended meanwhile."},
    [IPC_SEND_CHECKPOINT] = {"send-checkpoint", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_SENDING, BOUNDED,
                             FIELDS(U32("serial"), U64("offset in the APDU"),
                                    OCTETS("activity", 1, ACTIVITY_MAX)),
                             .help = "The peer confirmed it, in the activity of this name."},
    [IPC_SEND_RESULT] = {"send-result", TO_STORE, IPC_ABOUT_ASSOCIATION,
                         IPC_STATE_SENDING | IPC_STATE_CLOSING, BOUNDED,
                         FIELDS(U8("result (enum ipc_sent)", IPC_SENT, IPC_SENT_IN_DOUBT),
                                OCTETS("cause", 0, ANY32),
                                U8("flags (enum ipc_sent_flag)", 0, IPC_SENT_FLAGS)),
                         .help = ""},

    /* ---- operations of a user of the MTS ---- */
    [IPC_USER_SUBMIT_BEGIN] =
        {"user-submit-begin", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_SUBMISSION, PAYLOAD,
         FIELDS(LENGTH("invocation", ANY32),
                U8("kind (enum ipc_submission)", IPC_SUBMISSION_MESSAGE, IPC_SUBMISSION_PROBE),
                REST("envelope", 1, ANY32)),
         .help =
             "A submission by P3 (X.411 §8.2). The net process's number of the invocation rises within the "
             "association: the answer says for which it is."},
    [IPC_USER_SUBMIT_CONTENT] = {"user-submit-content", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_SUBMITTING,
                                 .most = IPC_CHUNK, FIELDS(REST("the content's next octets", 1, IPC_CHUNK)),
                                 .help = "What can't be stored is let go by; the answer says why."},
    [IPC_USER_SUBMIT_END] = {"user-submit-end", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_SUBMITTING,
                             BOUNDED, .help = "It is complete."},
    [IPC_USER_SUBMIT_STOP] = {"user-submit-stop", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_SUBMITTING,
                              BOUNDED, .help = "It ends unfinished, or was none: there is no answer."},
    [IPC_USER_REQUEST] = {"user-request", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_SUBMISSION, BOUNDED,
                          .secret = true,
                          FIELDS(LENGTH("invocation", ANY32),
                                 U8("operation (enum ipc_user_operation)", IPC_USER_CANCEL,
                                    IPC_USER_REGISTER_88),
                                 REST("argument", 0, ANY32)),
                          .help = "Any other operation; its argument is BER of X.411's type."},
    [IPC_USER_ANSWER] =
        {"user-answer", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_USER, PAYLOAD,
         FIELDS(LENGTH("invocation", ANY32),
                U8("what (enum ipc_user_answer)", IPC_USER_RESULT, IPC_USER_REJECT),
                U16("code of the operation or error, or the reject's invoke problem"),
                REST("result or parameter, or none", 0, ANY32)),
         .help = "The answer to user-submit-end or user-request. A result of a submission is sent when the "
                 "message is on disk."},
    [IPC_USER_CONTROL] = {"user-control", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_USER, BOUNDED,
                          FIELDS(REST("argument of submission-control", 1, ANY32)),
                          .help = "Invoke submission-control (X.411 §8.2.1.4). No answer to it comes back."},
    [IPC_USER_DELIVER] =
        {"user-deliver", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_NO_DELIVERY, PAYLOAD,
         FIELDS(U8("what (enum ipc_user_delivery)", IPC_USER_MESSAGE, IPC_USER_REPORT),
                U64("octets of the content"), OCTETS("prefix", 1, ANY32), REST("content", 0, ANY32)),
         .help =
             "Invoke message-delivery or report-delivery (X.411 §8.3.1). The prefix is the argument's "
             "octets before those of the content, which end it. A content of at most IPC_WHOLE_MAX octets "
             "comes with it, any other by user-deliver-read."},
    [IPC_USER_DELIVER_READ] = {"user-deliver-read", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_DELIVERING,
                               BOUNDED, FIELDS(U64("offset in the content"), LENGTH("length", IPC_CHUNK)),
                               .help = ""},
    [IPC_USER_DELIVER_DATA] = {"user-deliver-data", TO_NET, IPC_ABOUT_ASSOCIATION,
                               IPC_STATE_DELIVERING | IPC_STATE_NO_DELIVERY, PAYLOAD,
                               FIELDS(U64("offset"), REST("content", 0, ANY32)),
                               .help = "The delivery may have ended meanwhile."},
    [IPC_USER_DELIVER_RESULT] = {"user-deliver-result", TO_STORE, IPC_ABOUT_ASSOCIATION,
                                 IPC_STATE_DELIVERING | IPC_STATE_CLOSING, BOUNDED,
                                 FIELDS(
                                     U8("what (enum ipc_user_delivered)", IPC_USER_TAKEN, IPC_USER_IN_DOUBT),
                                     U16("code of the error, or the reject's problem"),
                                     OCTETS("cause", 0, ANY32)),
                                 .help = "What became of it, once."},
    /* ---- a user of a message store ---- */
    [IPC_MS_OPEN] =
        {"ms-open", TO_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_ASKED, BOUNDED,
         FIELDS(OCTETS("seal", 1, IPC_MS_SEAL_MAX), OCTETS("result of 1988", 1, ANY32),
                REST("result of 1994", 1, ANY32)),
         .help = "A user of a message store is about to be admitted (bind-answer). Each result is BER of "
                 "MSBindResult, with what a bind is told of the store where it asks for that."},
    [IPC_MS_ASK] = {"ms-ask", .from = IPC_NET, .to = IPC_STORE | IPC_READER, IPC_ABOUT_ASSOCIATION,
                    IPC_STATE_USER, PAYLOAD,
                    FIELDS(LENGTH("invocation", ANY32), OCTETS("seal", 1, IPC_MS_SEAL_MAX),
                           OCTETS("mailbox, an O/R address", 1, IPC_BIND_ADDRESS_MAX),
                           U16("operation, X.419's code"), U8("edition: 0 is 1988, 1 is 1994", 0, 1),
                           OCTETS("the bind's fetch-restrictions, or none", 0, ANY32),
                           REST("argument", 0, ANY32)),
                    .help = "Summarize, list, fetch, delete or register-MS (X.413 §8.2). The restrictions "
                            "are BER of Restrictions."},
    [IPC_MS_ANSWER] =
        {"ms-answer", .from = IPC_STORE | IPC_READER, .to = IPC_NET, IPC_ABOUT_ASSOCIATION, IPC_STATE_USER,
         PAYLOAD,
         FIELDS(LENGTH("invocation", ANY32),
                U8("what (enum ipc_user_answer)", IPC_USER_RESULT, IPC_USER_REJECT),
                U16("code of the operation or error, or the reject's invoke problem"),
                OCTETS("entries that are listed from now on", 0, ANY32),
                OCTETS("entries that are processed from now on", 0, ANY32),
                OCTETS("entries that are to be deleted", 0, ANY32),
                OCTETS("what is to be kept of registrations", 0, ANY32), OCTETS("slices", 0, ANY32),
                REST("result or parameter", 0, ANY32)),
         .help = "Entries are pairs of u32, the first and the last of some. A slice is u32 the offset in the "
                 "result before which it belongs, u64 entry, u64 offset in its content, u64 length: they are "
                 "read by ms-read."},
    [IPC_MS_READ] = {"ms-read", .from = IPC_NET, .to = IPC_STORE | IPC_READER, IPC_ABOUT_ASSOCIATION,
                     IPC_STATE_USER, BOUNDED,
                     FIELDS(LENGTH("invocation", ANY32), OCTETS("seal", 1, IPC_MS_SEAL_MAX),
                            OCTETS("mailbox, an O/R address", 1, IPC_BIND_ADDRESS_MAX), U64("entry"),
                            U64("offset in its content"), LENGTH("length", IPC_CHUNK)),
                     .help = "One at a time."},
    [IPC_MS_DATA] = {"ms-data", .from = IPC_STORE | IPC_READER, .to = IPC_NET, IPC_ABOUT_ASSOCIATION,
                     IPC_STATE_USER, .most = IPC_CHUNK + 1024,
                     FIELDS(LENGTH("invocation", ANY32), U64("offset"), REST("octets", 0, IPC_CHUNK)),
                     .help = "None: they can't be read, or are there no more."},
    [IPC_MS_CHANGE] =
        {"ms-change", TO_STORE, IPC_ABOUT_ASSOCIATION, IPC_STATE_USER, PAYLOAD,
         FIELDS(LENGTH("invocation", ANY32), U16("operation, X.419's code"), OCTETS("listed", 0, ANY32),
                OCTETS("processed", 0, ANY32), OCTETS("deleted", 0, ANY32),
                OCTETS("registrations", 0, IPC_MS_REGISTERED_MAX), REST("result", 0, ANY32)),
         .help = "What an answer said of entries is to be so. Answered by user-answer with that operation "
                 "and result, when it is on disk."},

    [IPC_STOPPING] = {"stopping", TO_STORE, IPC_ABOUT_PROCESS, UP, BOUNDED,
                      .help =
                          "It was told to stop. Of each transfer in that was under way then it has said so "
                          "before; what begins behind this is refused for now."},

    /* ---- ping ---- */
    [IPC_PING] = {"ping", TO_NET, IPC_ABOUT_PING, UP, BOUNDED, .secret = true,
                  FIELDS(OCTETS("peer", 1, ANY32), CREDENTIALS),
                  .help = "As connect, but the association is released as soon as it is open. A bind of it "
                          "has the direction PING."},
    [IPC_PING_RESULT] = {"ping-result", TO_STORE, IPC_ABOUT_PING, UP, .most = 8192,
                         FIELDS(REST("a JSON object", 0, ANY32)),
                         .help = "`docs/local-protocol.md` describes the object."},

    /* ---- the local socket ---- */
    [IPC_REQUEST] =
        {"request", OF_CLIENT, .to = IPC_CLIENTS | IPC_STORE | IPC_READER, IPC_ABOUT_REQUEST, UP, LOCAL,
         .open = true, FIELDS(REST("a JSON object", 0, IPC_REQUEST_MAX)),
         .help = "Its member `operation` and the operation's own members are in `docs/local-protocol.md`."},
    [IPC_RESPONSE] = {"response", TO_CLIENT, IPC_ABOUT_REQUEST, UP, LOCAL,
                      FIELDS(U8("last", 0, 1), REST("a JSON object or array", 0, ANY32)),
                      .help = "Errors are `{\"error\": {\"code\": …, \"text\": …}}`. One that nobody asked "
                              "for, with ref 0, is about the connection."},
    [IPC_SUBMIT_BEGIN] = {"submit-begin", OF_CLIENT, .to = IPC_CLIENTS | IPC_STORE, IPC_ABOUT_REQUEST, UP,
                          LOCAL, .open = true,
                          FIELDS(
                              U8("kind (enum ipc_submission)", IPC_SUBMISSION_MESSAGE, IPC_SUBMISSION_PROBE),
                              REST("argument", 1, ANY32)),
                          .help = "A submission (X.411 §8.2). The argument is BER of "
                                  "MessageSubmissionEnvelope or ProbeSubmissionEnvelope."},
    [IPC_SUBMIT_CONTENT] = {"submit-content", OF_CLIENT, .to = IPC_CLIENTS | IPC_STORE, IPC_ABOUT_REQUEST, UP,
                            LOCAL, .open = true, FIELDS(REST("the next octets of the content", 0, ANY32)),
                            .help = ""},
    [IPC_SUBMIT_END] =
        {"submit-end", OF_CLIENT, .to = IPC_CLIENTS | IPC_STORE, IPC_ABOUT_REQUEST, UP, LOCAL, .open = true,
         FIELDS({IPC_OCTETS, "mailbox", 0, ANY32, true}, U64("entry")),
         .help =
             "The entry of the mailbox is the one that asked for the notification that this submission is."},
    [IPC_SUBMIT_RESULT] = {"submit-result", .from = IPC_STORE | IPC_CLIENTS, .to = IPC_CLIENTS | IPC_CLIENT,
                           IPC_ABOUT_REQUEST, UP, LOCAL,
                           FIELDS(U8("accepted", 0, 1), REST("result", 0, ANY32)),
                           .help =
                               "BER of MessageSubmissionResult or ProbeSubmissionResult, or a JSON error."},
    [IPC_FETCH] =
        {"fetch", OF_CLIENT, .to = IPC_CLIENTS | IPC_STORE | IPC_READER, IPC_ABOUT_REQUEST, UP, LOCAL,
         .open = true,
         FIELDS(OCTETS("mailbox, an O/R address", 0, ANY32), U64("entry"), U64("offset"),
                LENGTH("length", ANY32),
                {IPC_U8, "part (enum ipc_fetch_part)", IPC_FETCH_CONTENT, IPC_FETCH_ENVELOPE, true}),
         .help =
             "A piece of what was delivered; without the part, of its content. Without a mailbox (empty), of "
             "an operator: the entry is the message of a copy that waits, whose content is read."},
    [IPC_FETCH_DATA] = {"fetch-data", TO_CLIENT, IPC_ABOUT_REQUEST, UP, LOCAL,
                        FIELDS(U64("offset"), U64("octets in all"), REST("octets", 0, ANY32)),
                        .help = "An error comes as response."},
    [IPC_CLIENT_OPEN] = {"client-open", .from = IPC_CLIENTS, .to = IPC_STORE | IPC_READER, IPC_ABOUT_CLIENT,
                         IPC_STATE_NEW, BOUNDED, FIELDS(U32("uid"), U32("gid")),
                         .help = "Before a client's first frame."},
    [IPC_CLIENT_CLOSE] = {"client-close", .from = IPC_CLIENTS, .to = IPC_STORE | IPC_READER, IPC_ABOUT_CLIENT,
                          UP, BOUNDED, .help = "After its last."},
    [IPC_HELLO] = {"hello", .from = IPC_CLIENT, .to = IPC_CLIENTS, IPC_ABOUT_PROCESS, IPC_STATE_STARTING,
                   BOUNDED, .open = true,
                   FIELDS(U16("version (IPC_LOCAL_VERSION)"),
                          OCTETS("program and its version, as text", 0, 64),
                          REST("what it wants: names, parted by spaces", 0, 256)),
                   .help =
                       "A client's first frame; its requests may follow at once. A version or a wish that "
                       "there is not is answered by a response with ref 0, and the connection ends."},
    [IPC_WELCOME] = {"welcome", .from = IPC_CLIENTS, .to = IPC_CLIENT, IPC_ABOUT_PROCESS, UP, BOUNDED,
                     FIELDS(U16("version (IPC_LOCAL_VERSION)"),
                            OCTETS("program and its version, as text", 0, 64),
                            REST("what it offers: names, parted by spaces", 0, 256)),
                     .help = "The answer to hello."},

    /* ---- the parent ---- */
    [IPC_CONFIG] = {"config", .from = IPC_PARENT, .to = CHILDREN | IPC_WORK, IPC_ABOUT_PARTS,
                    IPC_STATE_STARTING | IPC_STATE_UP, PAYLOAD,
                    FIELDS(REST("a part of the process's slice of the configuration", 0, IPC_CHUNK)),
                    .help = "The first configuration comes before all else; those after it are reloads."},
    [IPC_STOP] =
        {"stop", .from = IPC_PARENT, .to = CHILDREN, IPC_ABOUT_PROCESS, UP, BOUNDED,
         .help = "Finish what is under way, then exit with status 0. A second one: do not wait for that."},
    [IPC_READY] = {"ready", .from = CHILDREN | IPC_WORK, .to = IPC_PARENT, IPC_ABOUT_PROCESS,
                   IPC_STATE_STARTING, BOUNDED, .help = "It serves."},
    [IPC_CONFIG_TAKEN] =
        {"config-taken", .from = CHILDREN, .to = IPC_PARENT, IPC_ABOUT_PROCESS, UP, BOUNDED,
         FIELDS(U8("taken", 0, 1), REST("remarks, the store's alone: why it is not taken; or, a line each, "
                                        "the title of a user, a tab, "
                                        "what to warn of",
                                        0, ANY32)),
         .help = "The answer to a reload. 0: the old one stays. The store process is told first, the others "
                 "when it has taken it."},
    [IPC_MANAGE] = {"manage", .from = IPC_CLIENTS, .to = IPC_PARENT, IPC_ABOUT_REQUEST, UP, LOCAL,
                    FIELDS(REST("a request, a JSON object", 0, ANY32)),
                    .help = "An operator's, about the configuration."},
    [IPC_MANAGED] = {"managed", .from = IPC_PARENT, .to = IPC_CLIENTS, IPC_ABOUT_REQUEST, UP, PAYLOAD,
                     FIELDS(U8("last", 0, 1), REST("a JSON object", 0, ANY32)),
                     .help = "As response, for the client of the ref."},
    [IPC_CHANNEL_GONE] = {"channel-gone", .from = IPC_STORE | IPC_READER | IPC_CLIENTS, .to = IPC_PARENT,
                          IPC_ABOUT_PROCESS, UP, BOUNDED,
                          FIELDS(U8("kind of process (enum ipc_end)", IPC_END_NET, IPC_END_READER),
                                 U8("number among those of its kind", 0, UINT8_MAX),
                                 U32("life, as the door said it"), U8("it broke the rules", 0, 1)),
                          .help = "The channel to that process is closed: it ended, closed it, or broke the "
                                  "rules, for which the parent kills it, as it does when it does not end "
                                  "by itself. The store process says so of net, clients and work "
                                  "processes; the process of the clients of readers; a reader of the "
                                  "process of the clients, and is killed as well, for it may have lied."},

    /* ---- work on a content ---- */
    [IPC_WORK_READY] = {"work-ready", .from = IPC_WORK, .to = IPC_STORE, IPC_ABOUT_PROCESS,
                        IPC_STATE_STARTING, BOUNDED, .help = "Before its first job."},
    [IPC_WORK_BEGIN] = {"work-begin", .from = IPC_STORE, .to = IPC_WORK, IPC_ABOUT_JOB, UP, LOCAL,
                        FIELDS(U8("operation (enum ipc_work_operation)", 1, UINT8_MAX),
                               U64("octets of the content"), REST("arguments", 0, ANY32)),
                        .help = "The arguments are the operation's own."},
    [IPC_WORK_READ] = {"work-read", .from = IPC_WORK, .to = IPC_STORE, IPC_ABOUT_JOB,
                       IPC_STATE_WORKING | IPC_STATE_GIVING, BOUNDED,
                       FIELDS(U64("offset in the content"), LENGTH("length", IPC_CHUNK)),
                       .help = "The next once this one is answered."},
    [IPC_WORK_DATA] = {"work-data", .from = IPC_STORE, .to = IPC_WORK, IPC_ABOUT_JOB,
                       IPC_STATE_WORKING | IPC_STATE_GIVING, LOCAL,
                       FIELDS(U64("offset"), REST("as many octets as were asked for", 1, IPC_CHUNK)),
                       .help = ""},
    [IPC_WORK_RESULT] =
        {"work-result", .from = IPC_WORK, .to = IPC_STORE, IPC_ABOUT_JOB, IPC_STATE_WORKING, LOCAL,
         FIELDS(U8("verdict (enum ipc_work_verdict)", IPC_WORK_DONE, IPC_WORK_FAILED),
                REST("what follows from it", 0, ANY32)),
         .help = "Done: u64 octets of the new content and the operation's results, and work-content follows. "
                 "Else u16 reason and u16 diagnostic (X.411's codes) and octets text, and the job is over."},
    [IPC_WORK_CONTENT] = {"work-content", .from = IPC_WORK, .to = IPC_STORE, IPC_ABOUT_JOB, IPC_STATE_GIVING,
                          LOCAL, FIELDS(REST("the next octets of the new content", 1, IPC_CHUNK)),
                          .help = "The job is over with the last."},
};

const struct ipc_frame *ipc_frame(enum ipc_type type) {
    size_t number = (size_t)type;
    return number < IPC_NUMBERS && frames[number].name ? &frames[number] : NULL;
}

bool ipc_frame_is_secret(enum ipc_type type) {
    const struct ipc_frame *frame = ipc_frame(type);
    return frame && frame->secret;
}

/* ---- what came ---- */

static bool fits_ref(const struct ipc_frame *frame, const struct ipc_side *side, uint64_t ref) {
    switch (frame->about) {
    case IPC_ABOUT_PROCESS:
        return ref == 0;
    case IPC_ABOUT_PARTS:
        return ref <= 1;
    case IPC_ABOUT_CLIENT:
        return ref > 0 && ref <= UINT32_MAX;
    case IPC_ABOUT_REQUEST: /* the upper half is the client's number, which the client itself doesn't know */
        return side->self == IPC_CLIENT || side->other == IPC_CLIENT ? ref <= UINT32_MAX : ref > UINT32_MAX;
    case IPC_ABOUT_ASSOCIATION:
    case IPC_ABOUT_PING:
    case IPC_ABOUT_JOB:
        break;
    }
    return ref > 0;
}

static uint64_t read_number(struct reader *r, enum ipc_field_kind kind) {
    return kind == IPC_U8    ? reader_u8(r)
           : kind == IPC_U16 ? reader_u16(r)
           : kind == IPC_U32 ? reader_u32(r)
                             : reader_u64(r);
}

/* The first field that is not as its row says; NULL: all are. */
static const char *misfit(const struct ipc_frame *frame, struct span payload) {
    struct reader r = reader_of(payload);
    for (size_t i = 0; i < frame->field_count; i++) { /* a frame without fields has no array of them */
        const struct ipc_field *field = &frame->fields[i];
        if (field->optional && reader_left(&r) == 0)
            return NULL;
        uint64_t value = field->kind == IPC_OCTETS ? payload_octets(&r).len
                         : field->kind == IPC_REST ? payload_rest(&r).len
                                                   : read_number(&r, field->kind);
        if (r.failed || value < field->least || value > field->most)
            return field->name;
    }
    return reader_left(&r) ? "end" : NULL;
}

const struct ipc_frame *ipc_frame_take(const struct ipc_side *side, enum ipc_type type, uint64_t ref,
                                       struct span payload, char why[static IPC_WHY]) {
    const struct ipc_frame *frame = ipc_frame(type);
    const char *field;
    if (!frame)
        snprintf(why, IPC_WHY, "a frame of type %d, which there is not", (int)type);
    else if (!(frame->from & side->other) || !(frame->to & side->self))
        snprintf(why, IPC_WHY, "frame %s (type %d), which is not its to send", frame->name, (int)type);
    else if (!fits_ref(frame, side, ref))
        snprintf(why, IPC_WHY, "frame %s with ref %llu, which is none for it", frame->name,
                 (unsigned long long)ref);
    else if (payload.len > frame->most)
        snprintf(why, IPC_WHY, "frame %s of %zu octets, where %zu are the most", frame->name, payload.len,
                 frame->most);
    else if (!frame->open && (field = misfit(frame, payload)))
        snprintf(why, IPC_WHY, "frame %s (%zu octets), whose field '%s' is not as it must be", frame->name,
                 payload.len, field);
    else
        return frame;
    return NULL;
}

/* ---- when it came ---- */

const char *ipc_state_name(enum ipc_state state) {
    switch (state) {
    case IPC_STATE_GONE:
        return "gone";
    case IPC_STATE_NEW:
        return "unknown";
    case IPC_STATE_UP:
        return "there";
    case IPC_STATE_ASKED:
        return "bind unanswered";
    case IPC_STATE_CLOSING:
        return "closing";
    case IPC_STATE_NO_INBOUND:
        return "nothing comes in";
    case IPC_STATE_ENVELOPE:
        return "envelope comes in";
    case IPC_STATE_CONTENT:
        return "content comes in";
    case IPC_STATE_NO_OUTBOUND:
        return "nothing goes out";
    case IPC_STATE_SENDING:
        return "sending";
    case IPC_STATE_STARTING:
        return "starting";
    case IPC_STATE_WORKING:
        return "no verdict yet";
    case IPC_STATE_GIVING:
        return "new content comes";
    case IPC_STATE_USER:
        return "there, a user's";
    case IPC_STATE_NO_SUBMISSION:
        return "no submission comes in";
    case IPC_STATE_SUBMITTING:
        return "a submission comes in";
    case IPC_STATE_NO_DELIVERY:
        return "nothing is being delivered";
    case IPC_STATE_DELIVERING:
        return "a delivery goes out";
    }
    return "?";
}

enum ipc_judgement ipc_frame_judge(const struct ipc_frame *frame, unsigned state, char why[static IPC_WHY]) {
    if (frame->states & state)
        return IPC_LEGAL;
    if (state & IPC_STATE_GONE)
        return IPC_LATE;
    size_t length = (size_t)snprintf(why, IPC_WHY, "frame %s, which may not come now:", frame->name);
    for (unsigned bit = IPC_STATE_GONE; bit <= IPC_STATE_DELIVERING && length < IPC_WHY; bit <<= 1)
        if (state & bit)
            length += (size_t)snprintf(why + length, IPC_WHY - length, " (%s)",
                                       ipc_state_name((enum ipc_state)bit));
    return IPC_BREACH;
}
