/*
 * IPC_BIND and IPC_BIND_ANSWER (ipc/frames.h) as structs. A net process says
 * what a bind holds and where it came from; whose it is and what is answered is
 * decided by the store process, which alone knows names and passwords.
 */
#ifndef IPC_BIND_H
#define IPC_BIND_H

#include "base/buf.h"
#include "base/reader.h"
#include "base/span.h"
#include "ipc/frames.h"

/* Most octets of a name or a password in a bind. X.411's bounds are 32 and 62; some MTAs exceed them. */
#define IPC_BIND_TEXT_MAX 256

/* Most octets of a user's O/R address in a bind. */
#define IPC_BIND_ADDRESS_MAX 2048

/* Most names of hosts that one bind waits for. */
#define IPC_BIND_HOSTS_MAX 32

/* Who somebody says he is, and the proof (X.411 §8.2.1.1). Name and password are empty in the forms without
 * them. */
struct ipc_credentials {
    enum ipc_credentials_form form;
    struct span name;
    struct span password;
};

struct ipc_selectors {
    struct span t, s, p; /* empty: none */
};

struct ipc_bind {
    enum ipc_direction direction;
    enum ipc_binder binder; /* OUT, PING: an MTA */
    struct span
        user; /* of a user: his O/R address as text, empty for one who gives another name; of an MTA: empty */
    struct span peer;    /* whom we called, as CONNECT or PING named it; IN: empty */
    struct span address; /* of the other host, as text */
    enum ipc_mode mode;
    bool two_way_alternate;
    bool security_context; /* one was asked for */
    struct span id;        /* this association's session connection identifier, opaque */
    struct span
        recover_id; /* RT-RECOVER, which carries no bind: that of the broken association; else empty */
    struct ipc_credentials credentials;
    struct ipc_selectors called, calling; /* IN: as the caller gave them */
    bool resolved; /* the names that BIND_ANSWER asked for have been resolved (this is the bind once more) */
    struct span hosts; /* those of them that resolve to `address`: ipc_bind_host reads them */
};

struct ipc_bind_answer {
    enum ipc_bind_verdict verdict;
    struct span peer;                   /* whose bind it is, when that is known */
    struct span parameter;              /* OUT, refused: what did not match, in X.411's words */
    struct span cause;                  /* refused: a line for the log */
    struct ipc_credentials credentials; /* IN, admitted: ours, for the bind's result */
    bool waiting_told;   /* IN, admitted, a user who takes deliveries: messages that wait for */
    uint32_t waiting[3]; /* him, urgent, normal, non-urgent */
    struct span hosts;   /* IPC_BIND_RESOLVE: the names that are to be resolved */
};

bool ipc_credentials_write(const struct ipc_credentials *credentials, struct buf *out);
/* False: they break the rules of the frames. The spans point into what the reader reads. */
bool ipc_credentials_read(struct reader *r, struct ipc_credentials *credentials);

bool ipc_bind_write(const struct ipc_bind *bind, struct buf *out);
/* False: the payload breaks the rules. The spans point into it; so in the answer's. */
bool ipc_bind_read(struct span payload, struct ipc_bind *bind);

bool ipc_bind_answer_write(const struct ipc_bind_answer *answer, struct buf *out);
bool ipc_bind_answer_read(struct span payload, struct ipc_bind_answer *answer);

/* Takes the first name off `hosts`. False: there is none left. */
bool ipc_bind_host(struct span *hosts, struct span *host);

#endif
