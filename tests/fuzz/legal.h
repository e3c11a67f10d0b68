/*
 * A net process and the process of the clients that break no rule, whatever
 * strangers, peers and clients make them say: an oracle for the store process,
 * which may never close their channel. A step with bit 6 of `where` chooses
 * what they do next, by its type; its ref chooses the association, and its octets
 * are what the strangers say.
 */
#ifndef FUZZ_LEGAL_H
#define FUZZ_LEGAL_H

#include "base/buf.h"
#include "frames.h"
#include "ipc/bind.h"
#include "ipc/frame.h"
#include "ipc/payload.h"

enum {
    LEGAL_ASSOCIATIONS = 4,
    LEGAL_IDENTIFIER = 3 * 68
}; /* the three parts of a SessionConnectionIdentifier */

struct legal_association {
    uint64_t ref; /* 0: none */
    uint32_t transfer;
    bool active;   /* a transfer in pieces */
    bool complete; /* its envelope is */
    bool resuming;
    bool user; /* of one who is bound by P3, whose octets are the users': `active` is a submission */
};

struct legal {
    struct legal_association associations[LEGAL_ASSOCIATIONS];
    uint64_t refs;
    bool client;
};

/* What does not fit into the socket is lost: the frames that follow are broken ones, and nothing is judged
 * any more. */
static bool legal_lost;

static inline void legal_write(const struct end *end, struct span octets) {
    if (octets.len &&
        send(end->fd, octets.data, octets.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)octets.len)
        legal_lost = true;
}

static inline void legal_say(struct end *end, enum ipc_type type, uint64_t ref, const struct buf *head,
                             struct span body) {
    uint8_t header[FRAME_HEADER];
    size_t length = head->len + body.len;
    for (unsigned i = 0; i < 4; i++)
        header[i] = (uint8_t)(length >> (24 - 8 * i));
    header[4] = 0;
    header[5] = (uint8_t)type;
    header[6] = header[7] = 0;
    for (unsigned i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(ref >> (56 - 8 * i));
    legal_write(end, span_of(header, sizeof header));
    legal_write(end, buf_span(head));
    legal_write(end, body);
}

/* The stranger's octets as one name after the other: u8 length and so many octets. */
static inline struct span legal_name(struct span *octets, size_t most) {
    struct reader r = reader_of(*octets);
    size_t length = reader_u8(&r);
    length = length < most ? length : most;
    struct span name = reader_take(&r, length < reader_left(&r) ? length : reader_left(&r));
    *octets = payload_rest(&r);
    return r.failed ? (struct span){NULL, 0} : name;
}

static inline void legal_bind(struct legal *legal, struct end *end, struct legal_association *a, bool recover,
                              struct span octets) {
    bool user = !recover && octets.len == 1 && octets.data[0] == 'U';
    struct buf head;
    buf_init(&head, 0);
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .address = SPAN_LIT("192.0.2.1"),
                            .mode = IPC_MODE_NORMAL,
                            .id = legal_name(&octets, LEGAL_IDENTIFIER)};
    if (recover)
        bind.recover_id = legal_name(&octets, LEGAL_IDENTIFIER);
    else
        bind.credentials =
            (struct ipc_credentials){.form = IPC_CREDENTIALS_OCTET_STRING, .name = SPAN_LIT("beta")};
    *a = (struct legal_association){.ref = ++legal->refs << 8, .user = user};
    if (a->user) {
        bind.binder = IPC_BINDER_MTS_USER;
        bind.user = SPAN_LIT("/C=GB/A=GOLD/P=ALPHA/S=jones");
        bind.credentials =
            (struct ipc_credentials){.form = IPC_CREDENTIALS_IA5_STRING, .password = SPAN_LIT("secret")};
    }
    ipc_bind_write(&bind, &head);
    legal_say(end, IPC_BIND, a->ref, &head, (struct span){NULL, 0});
    buf_free(&head);
}

/* What begins a transfer: WHOLE, BEGIN or RESUME. */
static inline void legal_begin(struct end *end, struct legal_association *a, enum ipc_type type,
                               struct span octets) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_u32(&head, ++a->transfer);
    if (type == IPC_TRANSFER_WHOLE)
        buf_append_byte(&head, (uint8_t)(1 + a->transfer % 3));
    if (type == IPC_RESUME)
        payload_put_octets(&head, legal_name(&octets, LEGAL_IDENTIFIER));
    struct span name = legal_name(&octets, 6); /* OSI's activity identifiers are no longer */
    payload_put_octets(&head, name);
    if (type == IPC_TRANSFER_WHOLE)
        payload_put_octets(&head, octets.len ? octets : SPAN_LIT("\x31\x00"));
    if (type == IPC_RESUME) {
        buf_append_u32(&head, octets.len ? octets.data[0] : 1);
        payload_put_octets(&head, name);
    }
    legal_say(end, type, a->ref, &head, (struct span){NULL, 0});
    buf_free(&head);
    a->active = type != IPC_TRANSFER_WHOLE;
    a->complete = false;
    a->resuming = type == IPC_RESUME;
}

static inline void legal_piece(struct end *end, struct legal_association *a, enum ipc_type type,
                               struct span octets) {
    struct buf head;
    buf_init(&head, 0);
    if (type == IPC_TRANSFER_ENVELOPE) {
        a->complete = octets.data[0] & 1;
        buf_append_byte(&head, a->complete ? (uint8_t)(1 + octets.data[0] % 3) : 0);
    } else if (type == IPC_TRANSFER_CHECKPOINT) {
        buf_append_u32(&head, octets.data[0]);
        buf_append_u64(&head, octets.len);
        octets = span_sub(octets, 0, IPC_PARSER_STATE_MAX);
    } else if (type == IPC_TRANSFER_STOP || type == IPC_TRANSFER_END) {
        a->active = a->resuming = false;
        if (type == IPC_TRANSFER_STOP)
            buf_append_byte(&head, octets.data[0] & 1);
        octets = (struct span){NULL, 0};
    }
    legal_say(end, type, a->ref, &head, octets);
    buf_free(&head);
}

static inline void legal_user(struct end *end, struct legal_association *a, enum ipc_type type,
                              struct span octets) {
    struct buf head;
    bool begins = type == IPC_USER_SUBMIT_BEGIN,
         ends = type == IPC_USER_SUBMIT_END || type == IPC_USER_SUBMIT_STOP;
    buf_init(&head, 0);
    if (begins || type == IPC_USER_REQUEST) {
        buf_append_u32(&head, ++a->transfer);
        buf_append_byte(&head, (uint8_t)(1 + octets.data[0] % (begins ? 2 : 4)));
        octets = span_sub(octets, 1, SIZE_MAX);
    }
    if (begins && !octets.len)
        octets = SPAN_LIT("\x31\x00");
    legal_say(end, type, a->ref, &head, ends ? (struct span){NULL, 0} : octets);
    buf_free(&head);
    a->active = begins || (a->active && !ends);
}

static inline unsigned legal_state(const struct legal_association *a) {
    if (!a->ref)
        return IPC_STATE_NEW;
    if (a->user)
        return IPC_STATE_USER | (a->active ? IPC_STATE_SUBMITTING : IPC_STATE_NO_SUBMISSION);
    return IPC_STATE_UP | (!a->active    ? IPC_STATE_NO_INBOUND
                           : a->resuming ? 0
                           : a->complete ? IPC_STATE_CONTENT
                                         : IPC_STATE_ENVELOPE);
}

/* False: it is not the net process's to send now, or would say nothing. */
static inline bool legal_may(const struct legal_association *a, enum ipc_type type, struct span octets) {
    const struct ipc_frame *frame = ipc_frame(type);
    char why[IPC_WHY];
    bool user = type >= IPC_USER_SUBMIT_BEGIN && type <= IPC_USER_REQUEST;
    bool about = frame && frame->about == IPC_ABOUT_ASSOCIATION && (frame->from & IPC_NET) &&
                 (type < IPC_SEND_BEGIN || user);
    bool piece = about && !(frame->states & (IPC_STATE_NEW | IPC_STATE_NO_INBOUND | IPC_STATE_UP));
    if (type == IPC_TRANSFER_STOP)
        return a->active && octets.len;
    return about && (!piece || octets.len) && ipc_frame_judge(frame, legal_state(a), why) == IPC_LEGAL;
}

static inline void legal_close(struct end *end, struct legal_association *a, struct span octets) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_byte(&head, (uint8_t)(1 + octets.len % 3));
    payload_put_octets(&head, octets);
    legal_say(end, IPC_ASSOCIATION_CLOSE, a->ref, &head, (struct span){NULL, 0});
    buf_free(&head);
    a->ref = 0;
}

static inline void legal_net(struct legal *legal, struct end *end, const struct step *step) {
    struct legal_association *a = &legal->associations[step->ref % LEGAL_ASSOCIATIONS];
    enum ipc_type type = (enum ipc_type)step->type;
    if (!legal_may(a, type, step->octets))
        return;
    if (type == IPC_BIND)
        legal_bind(legal, end, a, step->ref & 0x80, step->octets);
    else if (type == IPC_ASSOCIATION_CLOSE)
        legal_close(end, a, step->octets);
    else if (a->user)
        legal_user(end, a, type, step->octets);
    else if (type == IPC_TRANSFER_WHOLE || type == IPC_TRANSFER_BEGIN || type == IPC_RESUME)
        legal_begin(end, a, type, step->octets);
    else
        legal_piece(end, a, type, step->octets);
}

/* Clients may say what they like. */
static inline void legal_client(struct legal *legal, struct end *end, const struct step *step) {
    static const enum ipc_type types[] = {IPC_REQUEST, IPC_SUBMIT_BEGIN, IPC_SUBMIT_CONTENT, IPC_SUBMIT_END,
                                          IPC_FETCH};
    struct buf head;
    buf_init(&head, 0);
    if (!legal->client) {
        buf_append_u32(&head, 1001);
        buf_append_u32(&head, 1001);
        legal_say(end, IPC_CLIENT_OPEN, 1, &head, (struct span){NULL, 0});
        buf_clear(&head);
        legal->client = true;
    }
    legal_say(end, types[step->type % 5], UINT64_C(1) << 32 | step->ref, &head, step->octets);
    buf_free(&head);
}

#endif
