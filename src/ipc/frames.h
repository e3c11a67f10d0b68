/*
 * The frames between Chasqui's processes, and between `mhs` and the daemon.
 *
 * A frame is a header of 16 octets and a payload: length of the payload (u32),
 * type (u16), zero (u16), ref (u64); integers are big-endian. Fields of a
 * payload stand in the order given here: u8, u16, u32, u64 as they are;
 * `octets` as a u32 length and the octets; `rest` is all that is left.
 * ipc/payload.h has a reader and a writer for them.
 *
 * A peer is not trusted: an unknown type, a payload that does not read, or a
 * frame that the state does not allow ends the connection with a log line that
 * names the peer.
 *
 * Directions: N = net process (protocols), S = store process (the MTA), L = the
 * process that holds the local socket, C = a client there (`mhs`), P = parent,
 * R = reader process, W = work process (what opens contents).
 */
#ifndef IPC_FRAMES_H
#define IPC_FRAMES_H

/* Most octets of one payload: an envelope travels in one. Contents travel in pieces of at most IPC_CHUNK. */
#define IPC_PAYLOAD_MAX (16 * 1024 * 1024)
#define IPC_CHUNK       (256 * 1024)

/* Most octets of one payload of a client of the local socket or a work process, either way. */
#define IPC_CLIENT_MAX (1024 * 1024)

/* Most octets of an IPC_REQUEST: it names things, and holds none. */
#define IPC_REQUEST_MAX (64 * 1024)

/* Most octets of an envelope that comes in. What is added on its way out still finds room in a payload. */
#define IPC_ENVELOPE_MAX (12 * 1024 * 1024)

/* Most octets of an association's identifier, and of an address. */
#define IPC_IDENTIFIER_MAX 512

/* What a net process may want kept with a checkpoint. */
#define IPC_PARSER_STATE_MAX 512

/* A transfer whose APDU is at most this long may travel in one frame each way; out it does. */
#define IPC_WHOLE_MAX (256 * 1024)

/* A configuration with all that it includes (16 MiB), and as much of what the system told about it. The files
 * have the same bound when the daemon starts. */
#define IPC_CONFIG_FILES ((size_t)16 * 1024 * 1024)
#define IPC_CONFIG_MAX   (2 * IPC_CONFIG_FILES + 1)

enum ipc_type {
    /* ---- associations; ref = association, a number the net process chose, unique in its life ---- */

    /* N>S Somebody wants to associate with us (direction IN), or the responder of a call of ours has answered
     * (OUT, PING): may it be? Every field is in ipc/bind.h: u8 direction, octets peer, octets address, u8
     * mode, u8 two_way_alternate, u8 security_context, octets association_id, octets recover_id, credentials,
     * octets called T-, S- and P-selector, octets calling T-, S- and P-selector, u8 resolved, rest hosts
     * (octets each). Credentials: u8 form, octets name, octets password */
    IPC_BIND = 1,
    /* S>N u8 verdict (enum ipc_bind_verdict), octets peer (for RT-RECOVER the peer that the broken
     * association belonged to: the store has fenced it and found the same address), octets parameter, octets
     * cause, credentials, rest hosts */
    IPC_BIND_ANSWER,
    /* either: the association is gone or must go. u8 how (enum ipc_close), octets cause (text) */
    IPC_ASSOCIATION_CLOSE,
    /* S>N Open an association; ref = 0. octets peer, octets recover_id (the association to recover by
     * RT-RECOVER when it is not empty), credentials (ours, for the bind). Answered once, by BIND (direction
     * OUT) when the responder has accepted, else by CONNECT_FAILED; each names the peer as it stands here,
     * whatever a reload does meanwhile */
    IPC_CONNECT,
    /* N>S ref = 0. octets peer, u8 layer (enum ipc_layer), octets cause (text: layer, parameter, reason and
       what to do), octets recover_id */
    IPC_CONNECT_FAILED,

    /* ---- a transfer in; ref = association; one at a time on each. `transfer` is the net process's number of
     * it, which rises within the association: an answer says which transfer it is for, since a peer may have
     * given that one up and begun another in the meantime ---- */

    /* N>S The whole APDU at once. u32 transfer, u8 kind (enum ipc_apdu), octets activity_id, octets envelope
     * (for a probe or report: the whole APDU's inner element), rest content */
    IPC_TRANSFER_WHOLE,
    /* N>S u32 transfer, octets activity_id: a transfer in pieces begins */
    IPC_TRANSFER_BEGIN,
    /* N>S u8 kind, rest the next octets of the envelope: as soon as it is complete, before any content. The
     * octets that came before a checkpoint go before it, with kind IPC_APDU_PARTIAL while others follow */
    IPC_TRANSFER_ENVELOPE,
    /* N>S rest content: the next octets of the content */
    IPC_TRANSFER_CONTENT,
    /* N>S u32 serial, u64 offset (octets of the APDU stream up to here), rest parser_state (opaque, at most
     * IPC_PARSER_STATE_MAX) */
    IPC_TRANSFER_CHECKPOINT,
    /* S>N u32 transfer, u32 serial: everything up to this checkpoint is on disk */
    IPC_TRANSFER_CHECKPOINT_DONE,
    /* N>S The APDU is complete (empty payload) */
    IPC_TRANSFER_END,
    /* S>N Answer to WHOLE and END. u32 transfer, u8 result (enum ipc_result), octets cause (text). A refusal
     * may come before END, in answer to BEGIN or a checkpoint */
    IPC_TRANSFER_RESULT,
    /* N>S The transfer ends unfinished. u8 keep (1: interrupted or the association broke: keep what is
     * checkpointed for a resume; 0: discarded by the sender) */
    IPC_TRANSFER_STOP,
    /* N>S A peer wants to resume. u32 transfer, octets old_association_id (empty: this association), octets
     * old_activity_id, u32 serial */
    IPC_RESUME,
    /* S>N u32 transfer, u8 result (enum ipc_resume), u32 serial, u64 offset, octets parser_state as in the
     * checkpoint, rest what had come then of an envelope that was not complete */
    IPC_RESUME_RESULT,

    /* ---- a transfer out; ref = association; one at a time on each ---- */

    /* S>N u64 content_length, u64 start (offset in the APDU stream; 0 but for a resume),
     * u32 start_serial (last confirmed serial of the resumed activity), octets old_association_id and octets
     * old_activity_id (both empty but for a resume), octets prefix (the APDU's octets before the content: the
     * MTS-APDU without EXTERNAL), rest content (whole when content_length <= IPC_WHOLE_MAX, else empty: to be
     * read with SEND_READ) */
    IPC_SEND_BEGIN,
    /* N>S octets activity_id: the name under which the activity was begun; before any other answer to
     * SEND_BEGIN that is not a SEND_RESULT */
    IPC_SEND_ACTIVITY,
    /* N>S u64 offset in the content, u32 length (at most IPC_CHUNK) */
    IPC_SEND_READ,
    /* S>N u64 offset, rest content */
    IPC_SEND_DATA,
    /* N>S u32 serial, u64 offset in the APDU stream: the peer confirmed it */
    IPC_SEND_CHECKPOINT,
    /* N>S u8 result (enum ipc_sent), octets cause (text), u8 flags (enum ipc_sent_flag) */
    IPC_SEND_RESULT,

    /* ---- ping ---- */

    /* S>N As CONNECT, but the association is released as soon as it is open; ref = ping, chosen by the store
     * process. octets peer, credentials. A BIND of it has the direction PING */
    IPC_PING = 48,
    /* N>S ref = ping. rest response: JSON object (docs/local-protocol.md) */
    IPC_PING_RESULT,

    /* ---- the local socket; ref = chosen by the client, unique among its own open requests ---- */

    /* C>L>S rest request: JSON object, member "operation" and the operation's own members
       (docs/local-protocol.md) */
    IPC_REQUEST = 64,
    /* S>L>C u8 last (0: more follow), rest response: JSON object or array; errors: {"error": {"code":…,
       "text":…}} */
    IPC_RESPONSE,
    /* C>L>S A submission (X.411 §8.2): u8 kind (enum ipc_submission), rest argument: BER of
     * x411_MessageSubmissionEnvelope or x411_ProbeSubmissionEnvelope */
    IPC_SUBMIT_BEGIN,
    /* C>L>S rest content */
    IPC_SUBMIT_CONTENT,
    /* C>L>S (empty), or octets mailbox (as in IPC_FETCH), u64 entry: the submission is the notification that
     * this entry asked for */
    IPC_SUBMIT_END,
    /* S>L>C u8 ok, rest: BER of x411_MessageSubmissionResult / x411_ProbeSubmissionResult when ok, else JSON
       {"error": …} */
    IPC_SUBMIT_RESULT,
    /* C>L>S octets mailbox (O/R address, canonical text), u64 entry, u64 offset, u32 length, and perhaps u8
       enum ipc_fetch_part (else IPC_FETCH_CONTENT): a piece of what was delivered. Without a mailbox (empty),
       of an operator: `entry` is the message of a copy that waits, whose content is read */
    IPC_FETCH,
    /* S>L>C u64 offset, u64 total, rest octets; an error comes as RESPONSE */
    IPC_FETCH_DATA,
    /* L>S u32 uid, u32 gid, before a client's first frame; ref = client. Frames of a client carry ref =
       client * 2^32 + its ref; a RESPONSE that nobody asked for, with ref 0, is about the connection */
    IPC_CLIENT_OPEN,
    /* L>S (empty) ref = client */
    IPC_CLIENT_CLOSE,

    /* ---- the parent ---- */

    /* P>N, P>S, P>R, P>L, P>W rest configuration: a part of the slice for the kind of process; ref = 1: more
     * parts follow, 0: it is whole. At most IPC_CONFIG_MAX in all. The first comes before all else; those
     * after it are reloads */
    IPC_CONFIG = 128,
    /* P>N, P>S, P>R, P>L (empty): finish what is under way, then exit 0 */
    IPC_STOP,
    /* N>P, S>P, R>P, L>P, W>P (empty): ready to serve */
    IPC_READY,
    /* N>P, S>P, R>P, L>P u8 taken (0: the old one stays): the answer to an IPC_CONFIG that was a reload */
    IPC_CONFIG_TAKEN,
    /* L>P rest request: an operator's, about the configuration (docs/local-protocol.md); ref as in L>S */
    IPC_MANAGE,
    /* P>L as RESPONSE, for the client of `ref` */
    IPC_MANAGED,

    /* Reader processes: CLIENT_OPEN, CLIENT_CLOSE, REQUEST and FETCH go to them as to the store process. */

    /* ---- work on a content; ref = job, chosen by the store process, one at a time for each work process
       ---- */

    /* W>S (empty), ref = 0: before its first job */
    IPC_WORK_READY = 160,
    /* S>W u8 operation (enum ipc_work_operation), u64 content_length, rest arguments: the operation's own */
    IPC_WORK_BEGIN,
    /* W>S u64 offset in the content, u32 length (at most IPC_CHUNK): the next once this one is answered */
    IPC_WORK_READ,
    /* S>W u64 offset, rest content: as many octets as were asked for */
    IPC_WORK_DATA,
    /* W>S The verdict. u8 verdict (enum ipc_work_verdict); done: u64 length of the new content, rest results
       (the operation's own), and WORK_CONTENT follows; refused: u16 reason and u16 diagnostic (X.411's
       codes), octets text, and the job is over */
    IPC_WORK_RESULT,
    /* W>S rest content: the next octets of the new content, at most IPC_CHUNK. The job is over with the last
     */
    IPC_WORK_CONTENT,
};

enum ipc_work_operation {
    /* P22 to P2 (RFC 1328): arguments u8 flags (content/downgrade.h), octets our address of §3.1 as text or
       none, results u32 encoded information types */
    IPC_WORK_DOWNGRADE = 1
};

enum ipc_work_verdict {
    IPC_WORK_DONE = 1,
    IPC_WORK_REFUSED, /* by the content: it stays so */
    IPC_WORK_FAILED   /* for want of memory, say: to be tried again */
};

enum ipc_mode { IPC_MODE_NORMAL = 1, IPC_MODE_X410_1988, IPC_MODE_1984 };

/* What an APDU is, as the scanner in the net process found it; PARTIAL: its envelope is not complete. */
enum ipc_apdu { IPC_APDU_PARTIAL, IPC_APDU_MESSAGE, IPC_APDU_PROBE, IPC_APDU_REPORT };

enum ipc_submission { IPC_SUBMISSION_MESSAGE = 1, IPC_SUBMISSION_PROBE };

enum ipc_fetch_part { IPC_FETCH_CONTENT, IPC_FETCH_ENVELOPE };

enum ipc_layer {
    IPC_LAYER_TCP = 1,
    IPC_LAYER_TRANSPORT,
    IPC_LAYER_SESSION,
    IPC_LAYER_PRESENTATION,
    IPC_LAYER_ACSE,
    IPC_LAYER_RTSE,
    IPC_LAYER_BIND,
    IPC_LAYER_NAME /* the host's name did not resolve */
};

enum ipc_direction { IPC_DIRECTION_IN, IPC_DIRECTION_OUT, IPC_DIRECTION_PING };

/* Password is IA5String or OCTET STRING (X.411 §8.2.1.1); NONE: the NULL of an unauthenticated bind, or an
 * answer without credentials. */
enum ipc_credentials_form {
    IPC_CREDENTIALS_NONE,
    IPC_CREDENTIALS_OCTET_STRING,
    IPC_CREDENTIALS_IA5_STRING,
    IPC_CREDENTIALS_STRONG /* what they hold does not travel */
};

enum ipc_bind_verdict {
    IPC_BIND_ADMITTED = 1,
    IPC_BIND_RESOLVE, /* IN: once more, when it is known which of these hosts the caller is */
    /* Refused; the next four are MTABindErrors (X.411 §12.1.1.2) */
    IPC_BIND_BUSY,
    IPC_BIND_AUTHENTICATION_ERROR,
    IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE,
    IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT,
    IPC_BIND_CANNOT_RECOVER
};

enum ipc_close { IPC_CLOSE_RELEASED = 1, IPC_CLOSE_ABORTED, IPC_CLOSE_BROKEN };

enum ipc_result {
    IPC_ACCEPTED = 1,        /* responsibility is ours: it is on disk (or a repeat of what is) */
    IPC_REFUSED_TEMPORARILY, /* the peer shall try again later: temporary problem of RTSE */
    IPC_REFUSED              /* the APDU is no APDU of ours: permanent problem */
};

enum ipc_resume {
    IPC_RESUME_FROM = 1,            /* go on from serial and offset */
    IPC_RESUME_UNKNOWN_ASSOCIATION, /* RTORJ cannotRecover, or refused */
    IPC_RESUME_UNKNOWN_ACTIVITY,    /* RTAB unrecognizedActivity */
    IPC_RESUME_COMPLETED,           /* was accepted: swallow and confirm again */
    IPC_RESUME_REFUSED              /* was refused for good: refuse again */
};

enum ipc_sent {
    IPC_SENT = 1,      /* the peer confirmed the activity's end */
    IPC_SENT_REFUSED,  /* the peer refused it for good (RTAB or exception with a permanent reason) */
    IPC_SENT_DEFERRED, /* the peer refused it for now; nothing is in doubt */
    IPC_SENT_BROKEN,   /* the association broke before the activity's end was sent */
    IPC_SENT_IN_DOUBT  /* the association broke after the end was sent, before its confirmation */
};

/* What else is known of a transfer that was not confirmed; or'ed. */
enum ipc_sent_flag {
    IPC_SENT_FOR_NOW = 1, /* the peer would not take it now: an exception report, or an abort for a temporary
                             problem */
    IPC_SENT_ABORTED = 2, /* the peer ended it by any other abort */
    IPC_SENT_RESUME_FAILED = 4, /* it was a resume, and the peer ended it before anything was confirmed: it is
                                  not to be resumed again */
    IPC_SENT_CLOSING = 8,       /* the association is over, too: its ASSOCIATION_CLOSE follows */
    IPC_SENT_GIVEN_UP = 16      /* we ended it: the peer was silent for too long, or broke the protocol */
};
#define IPC_SENT_FLAGS                                                                                       \
    (IPC_SENT_FOR_NOW | IPC_SENT_ABORTED | IPC_SENT_RESUME_FAILED | IPC_SENT_CLOSING | IPC_SENT_GIVEN_UP)

#endif
