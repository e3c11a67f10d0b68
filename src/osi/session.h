/*
 * The session protocol machine (X.225) for one connection over COTP: kernel,
 * half-duplex or duplex, activity management, exceptions, minor synchronize;
 * versions 1 and 2. States and SPDUs bear X.225's names.
 *
 * Requests write SPDUs into the transport's output. Indications and
 * confirmations go up through one function, `indicate`. A request that the
 * state table does not allow does nothing and returns false.
 */
#ifndef OSI_SESSION_H
#define OSI_SESSION_H

#include "osi/cotp.h"

/* X.225 Annex A, table A.3, the states reached with our functional units and without transport expedited
 * flow. */
enum session_state {
    STA01,  /* idle, no transport connection */
    STA01A, /* wait for the ABORT ACCEPT SPDU */
    STA01B, /* wait for T-CONNECT confirm */
    STA01C, /* idle, transport connected */
    STA01D, /* wait for the CONNECT DATA OVERFLOW SPDU */
    STA02A, /* wait for the ACCEPT SPDU */
    STA02B, /* wait for the OVERFLOW ACCEPT SPDU */
    STA03,  /* wait for the DISCONNECT SPDU */
    STA04B, /* wait for the ACTIVITY END ACK SPDU */
    STA05B, /* wait for the ACTIVITY INTERRUPT ACK SPDU */
    STA05C, /* wait for the ACTIVITY DISCARD ACK SPDU */
    STA08,  /* wait for S-CONNECT response */
    STA09,  /* wait for S-RELEASE response */
    STA10B, /* wait for S-ACTIVITY-END response */
    STA11B, /* wait for S-ACTIVITY-INTERRUPT response */
    STA11C, /* wait for S-ACTIVITY-DISCARD response */
    STA16,  /* wait for T-DISCONNECT indication */
    STA18,  /* wait for the GIVE TOKENS ACK SPDU */
    STA19,  /* wait for a recovery indication: we reported an exception */
    STA20,  /* wait for a recovery request: the peer reported an exception */
    STA713, /* data transfer */
    SESSION_STATES
};

/* Session user requirements, i.e. functional units. */
enum session_unit {
    SESSION_HALF_DUPLEX = 0x0001,
    SESSION_DUPLEX = 0x0002,
    SESSION_MINOR_SYNCHRONIZE = 0x0008,
    SESSION_ACTIVITY_MANAGEMENT = 0x0040,
    SESSION_EXCEPTIONS = 0x0200,
    SESSION_UNITS_RTSE = 0x0249,
};

/* Tokens as in the Token Item. */
enum session_token { SESSION_TOKEN_DATA = 0x01, SESSION_TOKEN_MINOR = 0x04, SESSION_TOKEN_MAJOR = 0x10 };

/* Reason codes of exception reports, interrupts and discards. */
enum session_exception {
    SESSION_NON_SPECIFIC_ERROR = 0,
    SESSION_RECEIVING_ABILITY_JEOPARDIZED = 1,
    SESSION_SEQUENCE_ERROR = 3,
    SESSION_LOCAL_USER_ERROR = 5,
    SESSION_UNRECOVERABLE_PROCEDURAL_ERROR = 6,
    SESSION_DEMAND_DATA_TOKEN = 128,
};

/* Reason codes of the REFUSE SPDU. */
enum session_refuse {
    SESSION_REFUSE_USER = 0,
    SESSION_REFUSE_USER_CONGESTION = 1,
    SESSION_REFUSE_USER_DATA = 2, /* rejection by the called SS-user, with user data */
    SESSION_REFUSE_SELECTOR_UNKNOWN = 129,
    SESSION_REFUSE_NOT_ATTACHED = 130,
    SESSION_REFUSE_CONGESTION = 131,
    SESSION_REFUSE_VERSIONS = 132,
    SESSION_REFUSE_PROVIDER = 133,
    SESSION_REFUSE_RESTRICTION = 134,
};

#define SESSION_SELECTOR_MAXIMUM    16
#define SESSION_ACTIVITY_ID_MAXIMUM 6
#define SESSION_REFERENCE_MAXIMUM   64 /* octets of the called, calling and common reference, X.225 §8.3.1 */
#define SESSION_ADDITIONAL_MAXIMUM  4  /* octets of the additional reference information */
#define SESSION_SERIAL_MAXIMUM      999999

/* A session connection's identifier as its PIs hold it: whatever octets the SS-users put there. */
struct session_identifier {
    struct span called;     /* up to 64 octets */
    struct span calling;    /* up to 64 octets */
    struct span common;     /* up to 64 octets */
    struct span additional; /* up to 4 octets */
};

/* Parameters of S-CONNECT, in requests and responses, indications and confirmations. */
struct session_connect {
    struct session_identifier identifier;
    struct span calling_selector, called_selector; /* in AC and RF: `called` is the responding one */
    unsigned versions;                             /* bits 1 and 2 */
    unsigned units;
    uint8_t
        token_setting; /* Token Setting Item: 0 all tokens at the initiator's side, 0x15 at the responder's */
    bool responder_tokens; /* indication: the tokens of the units will be the responder's, by a setting of its
                            */
    bool tokens_apart;     /* indication: neither side would have all tokens */
    uint16_t tsdu_to_responder, tsdu_to_initiator; /* TSDU maximum sizes, 0 unlimited */
    struct span user_data;
    int reason; /* S-CONNECT confirm negative: the REFUSE SPDU's reason code */
};

enum session_primitive {
    S_CONNECT_INDICATION = 1,
    S_CONNECT_CONFIRM, /* accepted */
    S_CONNECT_REFUSED, /* the negative confirm */
    S_DATA,            /* a part of an SSDU; `end` marks its last */
    S_TOKEN_GIVE,
    S_TOKEN_PLEASE,
    S_CONTROL_GIVE,     /* all tokens are ours */
    S_CONTROL_GIVE_ACK, /* the peer has taken the tokens that we gave by S-CONTROL-GIVE */
    S_ACTIVITY_START,
    S_ACTIVITY_RESUME,
    S_ACTIVITY_INTERRUPT,
    S_ACTIVITY_INTERRUPT_CONFIRM,
    S_ACTIVITY_DISCARD,
    S_ACTIVITY_DISCARD_CONFIRM,
    S_ACTIVITY_END,
    S_ACTIVITY_END_CONFIRM,
    S_SYNC_MINOR,
    S_SYNC_MINOR_CONFIRM,
    S_U_EXCEPTION_REPORT,
    S_P_EXCEPTION_REPORT,
    S_RELEASE_INDICATION,
    S_RELEASE_CONFIRM,
    S_U_ABORT,
    S_P_ABORT, /* the cause is filled */
};

struct session_indication {
    enum session_primitive primitive;
    const struct session_connect *connect; /* S_CONNECT_* */
    struct span data;                      /* user data; spans live until the next session_input */
    bool end;                              /* S_DATA */
    uint8_t tokens;                        /* S_TOKEN_* */
    struct span activity, old_activity;    /* S_ACTIVITY_START, S_ACTIVITY_RESUME */
    struct session_identifier old;         /* S_ACTIVITY_RESUME; absent: an activity of this connection */
    uint32_t serial;                       /* resume, minor sync, activity end */
    int reason;                            /* exceptions, interrupt, discard; -1 absent */
};

typedef void session_indicate(void *user, const struct session_indication *indication);

struct session {
    enum session_state state;
    struct cotp *transport;
    struct osi_cause *cause;
    session_indicate *indicate;
    void *user;
    bool initiator;
    unsigned version;    /* the one in use, 1 or 2 */
    unsigned units;      /* functional units in use */
    uint8_t tokens;      /* those we own */
    bool activity;       /* Vact: an activity is in progress */
    uint32_t va, vm;     /* V(A) lowest unconfirmed, V(M) next */
    bool vsc;            /* Vsc: we may confirm minor synchronization points */
    uint16_t tsdu_out;   /* TSDU maximum size toward the peer, 0 unlimited */
    size_t limit;        /* octets of a TSDU that is no data */
    struct buf tsdu;     /* a TSDU whose end has not come, unless it streams */
    struct buf done;     /* the gathered TSDU that went up last */
    struct buf overflow; /* user data that comes or goes in parts: connect data, segmented SPDUs */
    struct buf first;    /* the first segment of an SPDU that comes in segments: it has the parameters */
    uint8_t joining;     /* SI of that SPDU, 0: none is under way */
    struct session_connect proposal; /* responder: the CN; its spans live in `held` */
    struct buf held;                 /* the CN of which the overflow is awaited */
    bool streaming;                  /* the rest of this TSDU is user information of a DT */
    bool stream_end;                 /* and the SSDU ends with it */
    bool segmented;                  /* a DT's SSDU has begun and not ended */
    bool sending;                    /* our SSDU has begun and not ended, in a TSDU that is open */
};

/* `limit` bounds each TSDU but data, and all connect user data. */
void session_init(struct session *s, struct cotp *transport, struct osi_cause *cause, bool initiator,
                  size_t limit, session_indicate *indicate, void *user);
void session_free(struct session *s);

/* Names and passwords came with the connection: from now on its buffers are not wiped any more. */
void session_no_secret(struct session *s);

/* The transport tells: the connection is open; a part of a TSDU came. False: the session is over, `cause` is
 * filled. */
void session_transport_connected(struct session *s);
bool session_input(struct session *s, struct span fragment, bool end);

/* Gives back the TSDU whose spans went up last; session_input does it too. */
void session_release_tsdu(struct session *s);

/* S-CONNECT request before the transport is open is not allowed. False also when the data is too long for the
 * version. */
bool session_connect(struct session *s, const struct session_connect *connect);
bool session_accept(struct session *s, const struct session_connect *connect);
bool session_refuse(struct session *s, int reason, struct span user_data);

/*
 * S-DATA request: octets of an SSDU made of up to 6 parts; it begins with them if `first` and ends with them
 * if `last`. Segmented where the TSDU maximum size asks for it. Between `first` and `last` nothing else may
 * be requested but an abort.
 */
bool session_data(struct session *s, const struct span *parts, size_t count, bool first, bool last);

bool session_token_please(struct session *s, uint8_t tokens, struct span user_data);
bool session_control_give(struct session *s);

bool session_activity_start(struct session *s, struct span activity);
bool session_activity_resume(struct session *s, struct span activity, const struct session_identifier *old,
                             struct span old_activity, uint32_t serial);
bool session_activity_interrupt(struct session *s, int reason);
bool session_activity_interrupt_response(struct session *s);
bool session_activity_discard(struct session *s, int reason);
bool session_activity_discard_response(struct session *s);
bool session_activity_end(struct session *s, uint32_t *serial);
bool session_activity_end_response(struct session *s);
bool session_sync_minor(struct session *s, uint32_t *serial);
bool session_sync_minor_response(struct session *s, uint32_t serial);
bool session_exception_report(struct session *s, int reason, struct span user_data);

bool session_release(struct session *s, struct span user_data);
bool session_release_response(struct session *s, struct span user_data);

/* S-U-ABORT request. In version 1 user data over 9 octets is left out (X.225 §8.3.9). */
void session_user_abort(struct session *s, struct span user_data);

/* An abort by the provider, for a protocol error found here or above, or a restriction. */
void session_provider_abort(struct session *s, bool protocol_error);

/* True if the token of this kind is available (its unit is in use) and ours. */
bool session_owns(const struct session *s, uint8_t tokens);

/* The state's name as X.225 has it: `STA 713`. */
const char *session_state_name(enum session_state state);

#endif
