/*
 * The switch: the store process. It is the only writer of the store, runs the
 * rules of the MTS (mts room) on what comes in, and hands out work for each
 * next hop to the net processes. Single-threaded over one libevent loop.
 *
 * It talks in frames (ipc/frames.h) with net processes, with local clients
 * (through a net process; docs/local-protocol.md) and with the parent.
 */
#ifndef MTA_MTA_H
#define MTA_MTA_H

#include <event2/event.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"
#include "directory/directory.h"
#include "ipc/bind.h"
#include "ipc/door.h"
#include "mts/tables.h"

struct mta;

/* A host that a peer calls from: an IP address in the form of inet_ntop(3), or a name. */
struct mta_host {
    const char *text;
    bool is_name; /* its addresses are asked for when they are needed */
};

/* How a peer and we prove ourselves to each other in MTA-bind (X.411 §12.1.1), and how it may call. Several
 * peers may have one MTA name: what they accept, and where they call from and to, tells them apart. */
struct mta_bind {
    bool unauthenticated;     /* the NULL alternative of MTABindArgument: it gives no name */
    struct span mta_name;     /* as the peer gives it; case counts */
    struct span passwords[2]; /* what it must give; the second during a change. Both absent: none is asked */
    struct ipc_credentials ours; /* what we give */
    bool check_address;          /* an inbound association must come from one of `hosts` */
    const struct mta_host *hosts;
    size_t host_count;
    unsigned modes;                       /* or'ed 1 << enum ipc_mode: what it may call with */
    bool two_way_alternate;               /* it may ask for that dialogue */
    struct ipc_selectors called, calling; /* theirs and ours when we call it; swapped when it calls us */
};

/* What RT-RECOVER gets without a bind, either way. */
enum mta_recovery {
    MTA_RECOVERY_RESUME, /* the transfers that the broken association left unfinished */
    MTA_RECOVERY_FULL,   /* all that a bind gets, from the same address and within the time of a resume */
    MTA_RECOVERY_OFF     /* nothing: who breaks off binds anew */
};

/* An adjacent MTA as the switch sees it; where it is called and by which protocols is the net process's
 * business. */
struct mta_peer {
    const char *name;      /* in the configuration: routes, frames and log lines use it */
    unsigned max_in;       /* inbound associations at a time; more are refused as busy */
    unsigned max_out;      /* outbound associations at a time */
    bool permanent;        /* keep one association up; else associations are opened on demand */
    unsigned idle_seconds; /* an idle association that we opened is released after this time */
    unsigned retry_first;  /* seconds to the next try after no association came up; doubles with each */
    unsigned retry_most;   /* the longest wait between such tries, seconds */
    unsigned queue_per_association; /* ready copies for which one more association is opened */
    enum mta_recovery recovery;
    struct mta_bind bind;
    const char *const *warnings; /* what in its configuration can't work or does nothing, for its operator */
    size_t warning_count;
};

/* Gives a mailbox to a local user. */
struct mta_user {
    const char *address; /* O/R address, any spelling; its canonical text names the mailbox */
    uint32_t uid;
    bool has_uid;               /* false: only operators use the mailbox */
    const char *directory_name; /* RFC 4514, or NULL; the directory has it too */
    const char *password_hash;  /* security/password.h; NULL: he can't bind */
    bool by_p3;                 /* messages are delivered to his own program, by P3; else into a mailbox */
};

struct mta_limits {
    size_t envelope_octets;     /* a longer envelope is refused */
    size_t envelope_memory;     /* arena for one decoded envelope */
    uint64_t content_octets;    /* longest content taken, 0: no limit but the disk */
    uint64_t mailbox_octets;    /* that a mailbox may hold, 0: no quota */
    uint64_t submission_octets; /* that one uid may have in open submissions, 0: no quota */
    unsigned associations_in;   /* of all peers together */
    unsigned associations_users, associations_of_user; /* of all users together, and of each */
    unsigned requests; /* in a batch, above which it gathers no more, and takes no more while another flies */
    uint64_t batch_octets;    /* the same of its octets, while another flies */
    unsigned gather_us;       /* microseconds a batch waits for more when the disk is fast; 0: none */
    unsigned repeat_seconds;  /* how long repeat keys are kept */
    unsigned resume_seconds;  /* how long the state of a broken transfer is kept */
    unsigned leftovers;       /* of one peer, 0: any number */
    uint64_t leftover_octets; /* of their contents, 0: any number */
    unsigned names;           /* of one peer's transfers by which no message came, 0: any number */
    unsigned track_seconds;   /* how long tracking events are kept */
    unsigned kept_seconds;    /* how long what a user submits is kept in his mailbox, 0: not at all */
    unsigned stop_seconds;    /* how long a stop waits for transfers, as it is told */
    bool relax_bounds;        /* take values over X.411's upper bounds */
};

/* Everything is owned by the caller and stays valid until `mta_free`, or until `release` after a reload. */
struct mta_config {
    const char *node;  /* stands in the MTS-identifiers that are made here: 1 to 10 letters, digits or '-' */
    const char *store; /* the place, as it is shown; made when it is not there; not changed by a reload */
    const char *store_place;             /* the same as it is opened; it may have a password */
    struct store_thread *store_thread;   /* store/thread.h; NULL: commits wait for the disk */
    struct store_thread *hashing_thread; /* the same for users' passwords; NULL: the loop waits for them. The
                                            switch stops it */
    struct mts_tables
        *tables; /* our names, routes, users, lists (mts/tables.h); the switch adds those of `user-add` */
    struct directory *directory; /* directory names of users and others; NULL: none are known. The switch adds
                                    those of `user-add` */
    const struct mta_peer *peers;
    size_t peer_count;
    const struct mta_user *users;
    size_t user_count;
    struct mta_limits limits;
    bool readers;                  /* there are reader processes: they answer for mailboxes by P7 */
    uint32_t service_uid;          /* may do everything, as may root */
    uint32_t operators_gid;        /* members by their primary group may do everything */
    const uint32_t *operator_uids; /* and so may these (the group's other members, resolved by the parent) */
    size_t operator_uid_count;
};

/* How a reload gets its configuration: IPC_CONFIG carries text, and the switch knows no syntax. */
struct mta_reload {
    /* Reads `text`. NULL with an error when it is wrong; then the old configuration stays. */
    const struct mta_config *(*read)(void *context, struct span text, struct error *err);
    /* `old` is used no more. */
    void (*release)(void *context, const struct mta_config *old);
    void *context;
};

/*
 * Opens the store, rebuilds the scheduler and is then ready for channels.
 * NULL with an error when the store can't be opened. `reload` may be NULL:
 * IPC_CONFIG is then refused with a log line.
 */
struct mta *mta_new(struct event_base *loop, const struct mta_config *config, const struct mta_reload *reload,
                    struct error *err);

/* Commits what waits, closes the channels and the store. */
void mta_free(struct mta *mta);

/* A channel to a net process, which `holder` says; takes over `fd`. */
bool mta_attach_net(struct mta *mta, int fd, const struct ipc_holder *holder);

/* A channel to the process of the clients (clients/clients.h): it alone says who asks. Takes over `fd`. */
bool mta_attach_clients(struct mta *mta, int fd, const struct ipc_holder *holder);

/* A channel to a work process (work/work.h); takes over `fd`. */
bool mta_attach_work(struct mta *mta, int fd, const struct ipc_holder *holder);

/* The channel to the parent; takes over `fd`. When it closes, the switch stops. */
bool mta_attach_parent(struct mta *mta, int fd);

/* No new work is handed out; transfers under way end, then the loop is left. */
void mta_stop(struct mta *mta);

/* The file descriptors of a process of its own; all are taken over. */
struct mta_descriptors {
    int parent; /* -1: none */
    int door;   /* ipc/door.h: the ends of channels to all others come through it */
};

/* The exit status when another start would not help: the store is of a version that this
 * program doesn't know, another process has it, it is not there and none may be made, or
 * its folder is out of reach for the user; of any process: its part of the configuration
 * can't be read, or the C library lacks a character set. */
#define MTA_EXIT_NO_RETRY 77

/* The whole process: makes a loop, runs until it is stopped. Returns the exit
 * status: 0 after a clean stop, MTA_EXIT_NO_RETRY, or 1. */
int mta_run(const struct mta_config *config, const struct mta_reload *reload,
            const struct mta_descriptors *descriptors);

/*
 * A reader process: it answers the requests that only read rows of the store
 * (docs/local-protocol.md names them) and IPC_FETCH, with a read-only handle,
 * so that none of them waits for a commit. The store must be there. The calls are as those of the switch.
 */
struct mta_reader;
struct mta_reader *reader_new(struct event_base *loop, const struct mta_config *config,
                              const struct mta_reload *reload, struct error *err);
void reader_free(struct mta_reader *reader);

/* What a start would find in the store for this configuration, without writing: STORE_MOVED and the like are
 * errors, remarks on its users (the lines of IPC_CONFIG_TAKEN) are appended. The configuration's tables are
 * not fit for use afterwards. */
bool mta_examine_users(const struct mta_config *config, struct buf *remarks, struct error *err);

bool reader_attach_clients(struct mta_reader *reader, int fd, const struct ipc_holder *holder);
bool reader_attach_net(struct mta_reader *reader, int fd, const struct ipc_holder *holder);
int reader_run(const struct mta_config *config, const struct mta_reload *reload,
               const struct mta_descriptors *descriptors);

#endif
