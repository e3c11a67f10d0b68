/*
 * The frames between Chasqui's processes, and between `mhs` and the daemon: their
 * numbers, bounds and values.
 *
 * A frame is a header of 16 octets and a payload: length of the payload (u32),
 * type (u16), zero (u16), ref (u64); integers are big-endian. ipc/payload.h has a
 * reader and a writer for a payload's fields.
 *
 * A peer is not trusted: a frame that is against the rules (ipc/frame.h) ends the
 * connection with a log line that names the peer and the frame.
 */
#ifndef IPC_FRAMES_H
#define IPC_FRAMES_H

/* Most octets of one payload: an envelope travels in one. Contents travel in pieces of at most IPC_CHUNK. */
#define IPC_PAYLOAD_MAX (16 * 1024 * 1024)
#define IPC_CHUNK       (256 * 1024)

/* Most octets of one payload of a client of the local socket or a work process, either way. */
#define IPC_CLIENT_MAX (1024 * 1024)

/* Most clients of the local socket at a time: what `clients` may be set to. */
#define IPC_CLIENTS_MOST 100000

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

/* What a process remarks on a configuration that it has taken, in octets. */
#define IPC_REMARKS_MAX ((size_t)64 * 1024)

/* Numbers are written out and never used again for anything else: a client may be older than its daemon. What
 * each is, who sends it and when: ipc/frame.c, and docs/frames.md that is made of it. */
enum ipc_type {
    IPC_BIND = 1,
    IPC_BIND_ANSWER = 2,
    IPC_ASSOCIATION_CLOSE = 3,
    IPC_CONNECT = 4,
    IPC_CONNECT_FAILED = 5,

    IPC_TRANSFER_WHOLE = 6,
    IPC_TRANSFER_BEGIN = 7,
    IPC_TRANSFER_ENVELOPE = 8,
    IPC_TRANSFER_CONTENT = 9,
    IPC_TRANSFER_CHECKPOINT = 10,
    IPC_TRANSFER_CHECKPOINT_DONE = 11,
    IPC_TRANSFER_END = 12,
    IPC_TRANSFER_RESULT = 13,
    IPC_TRANSFER_STOP = 14,
    IPC_RESUME = 15,
    IPC_RESUME_RESULT = 16,

    IPC_SEND_BEGIN = 17,
    IPC_SEND_READ = 19,
    IPC_SEND_DATA = 20,
    IPC_SEND_CHECKPOINT = 21,
    IPC_SEND_RESULT = 22,
    IPC_STOPPING = 23,

    IPC_USER_SUBMIT_BEGIN = 24,
    IPC_USER_SUBMIT_CONTENT = 25,
    IPC_USER_SUBMIT_END = 26,
    IPC_USER_SUBMIT_STOP = 27,
    IPC_USER_REQUEST = 28,
    IPC_USER_ANSWER = 29,
    IPC_USER_CONTROL = 30,
    IPC_USER_DELIVER = 31,
    IPC_USER_DELIVER_READ = 32,
    IPC_USER_DELIVER_DATA = 33,
    IPC_USER_DELIVER_RESULT = 34,

    IPC_MS_OPEN = 40,
    IPC_MS_ASK = 41,
    IPC_MS_ANSWER = 42,
    IPC_MS_READ = 43,
    IPC_MS_DATA = 44,
    IPC_MS_CHANGE = 45,

    IPC_PING = 48,
    IPC_PING_RESULT = 49,

    IPC_REQUEST = 64,
    IPC_RESPONSE = 65,
    IPC_SUBMIT_BEGIN = 66,
    IPC_SUBMIT_CONTENT = 67,
    IPC_SUBMIT_END = 68,
    IPC_SUBMIT_RESULT = 69,
    IPC_FETCH = 70,
    IPC_FETCH_DATA = 71,
    IPC_CLIENT_OPEN = 72,
    IPC_CLIENT_CLOSE = 73,
    IPC_HELLO = 74,
    IPC_WELCOME = 75,

    IPC_CONFIG = 128,
    IPC_STOP = 129,
    IPC_READY = 130,
    IPC_CONFIG_TAKEN = 131,
    IPC_MANAGE = 132,
    IPC_MANAGED = 133,
    IPC_CHANNEL_GONE = 134,

    IPC_WORK_READY = 160,
    IPC_WORK_BEGIN = 161,
    IPC_WORK_READ = 162,
    IPC_WORK_DATA = 163,
    IPC_WORK_RESULT = 164,
    IPC_WORK_CONTENT = 165
};

enum ipc_work_operation {
    /* P22 to P2 (RFC 1328): arguments u8 flags (content/downgrade.h), octets our address of §3.1 as text or
       none, results u32 encoded information types */
    IPC_WORK_DOWNGRADE = 1,
    /* What columns are made of (ms/sealed.h): arguments for each entry u8 type, u8 known, octets items of its
       row, u64 octets of its content, octets the beginning of that; there is no content to be read. Results
       for each u8 IPC_WORK_FACTS and ms_facts_write's, or IPC_WORK_MORE: a longer beginning is wanted */
    IPC_WORK_ATTRIBUTES = 2
};

enum ipc_work_facts { IPC_WORK_MORE, IPC_WORK_FACTS };

enum ipc_work_verdict {
    IPC_WORK_DONE = 1,
    IPC_WORK_REFUSED, /* by the content: it stays so */
    IPC_WORK_FAILED   /* for want of memory, say: to be tried again */
};

enum ipc_mode { IPC_MODE_NORMAL = 1, IPC_MODE_X410_1988, IPC_MODE_1984 };

/* What an APDU is, as the scanner in the net process found it; PARTIAL: its envelope is not complete. */
enum ipc_apdu { IPC_APDU_PARTIAL, IPC_APDU_MESSAGE, IPC_APDU_PROBE, IPC_APDU_REPORT };

/* The version of what is said over the local socket; it rises when a client of before would misunderstand.
 * What only adds something gets a name in IPC_LOCAL_OFFERS. */
#define IPC_LOCAL_VERSION 1

/* What a client may want of a daemon, and a daemon offers: names, parted by spaces. */
#define IPC_LOCAL_OFFERS "requests submission fetch"

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

/* Whose bind comes in: an MTA's (X.411 §12), or that of a user of the MTS or of a message store (§8.1, X.413
 * §7.1). */
enum ipc_binder { IPC_BINDER_MTA, IPC_BINDER_MTS_USER, IPC_BINDER_MS_USER };

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

/* An operation that a user of the MTS may ask for beside submissions (X.411 §8.2, §8.3, §8.4). */
enum ipc_user_operation {
    IPC_USER_CANCEL = 1, /* cancel-deferred-delivery */
    IPC_USER_DELIVERY_CONTROL,
    IPC_USER_REGISTER,
    IPC_USER_CHANGE_CREDENTIALS,
    IPC_USER_DELIVERY_CONTROL_88, /* the same with arguments of 1988 */
    IPC_USER_REGISTER_88
};

/* What an operation of a user is answered with: its result, an abstract error, a reject. */
enum ipc_user_answer { IPC_USER_RESULT = 1, IPC_USER_ERROR, IPC_USER_REJECT };

/* What a user is given (X.411 §8.3.1.1, §8.3.1.2), */
enum ipc_user_delivery { IPC_USER_MESSAGE = 1, IPC_USER_REPORT };

/* and what becomes of it. */
enum ipc_user_delivered {
    IPC_USER_TAKEN = 1, /* the result came: it is the user's */
    IPC_USER_REFUSED,   /* an abstract error came, which the code names */
    IPC_USER_REJECTED,  /* a reject came, with this problem, or an error that is none of the operation's */
    IPC_USER_BROKEN,    /* the association ended before the argument's last octet was handed over */
    IPC_USER_IN_DOUBT   /* it ended after that, or what came is no result: the user may have it */
};
/* Most octets of a seal: what says that an association may ask of a mailbox. */
#define IPC_MS_SEAL_MAX 32
/* And of what is kept of his registrations. */
#define IPC_MS_REGISTERED_MAX (64 * 1024)

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
    IPC_SENT_GIVEN_UP = 16,     /* we ended it: the peer was silent for too long, or broke the protocol */
    IPC_SENT_NOT_BEGUN = 32     /* the association took no transfer any more: the peer saw nothing of it */
};
#define IPC_SENT_FLAGS                                                                                       \
    (IPC_SENT_FOR_NOW | IPC_SENT_ABORTED | IPC_SENT_RESUME_FAILED | IPC_SENT_CLOSING | IPC_SENT_GIVEN_UP |   \
     IPC_SENT_NOT_BEGUN)

#endif
