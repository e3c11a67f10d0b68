/* The rows of the top level, and of limits, timers and schedules; how they are found. */
#include "mhsd/config_options.h"

#include <string.h>
#include <sys/un.h>

#include "ipc/frames.h"
#include "osi/association.h"

#define KIB  1024
#define MIB  (1024 * KIB)
#define HOUR 3600
#define DAY  (24 * HOUR)

/* Those that run the rules or speak with clients. */
#define SWITCH (CONFIG_STORE | CONFIG_READER)

static const struct config_option limit_options[] = {
    {"connections", CONFIG_NUMBER, 0, CONFIG_NET, 1, 1000000, .number = 2000,
     .help = "TCP connections of a net process."},
    {"opening", CONFIG_NUMBER, 0, CONFIG_NET, 1, 1000000, .number = 200,
     .help =
         "Those of them that called in and have not bound yet. With too many, the host that has the most of "
         "them loses its oldest."},
    {"clients", CONFIG_NUMBER, 0, CONFIG_CLIENTS, 2, IPC_CLIENTS_MOST, .number = 100,
     .help = "Clients of the local socket at a time. A tenth of them, at least one, are kept for operators."},
    {"clients-per-user", CONFIG_NUMBER, 0, CONFIG_CLIENTS, 1, IPC_CLIENTS_MOST, .number = 20,
     .help = "Those of them that one user who is no operator may have."},
    {"associations-in", CONFIG_NUMBER, 0, CONFIG_STORE, 1, 1000000, .number = 2000,
     .help = "Inbound associations of all peers together; more are refused as busy."},
    {"associations-users", CONFIG_NUMBER, 0, CONFIG_STORE, 1, 1000000, .number = 5000,
     .help = "Associations of all users together; more are refused as busy."},
    {"associations-per-user", CONFIG_NUMBER, 0, CONFIG_STORE, 1, 1000000, .number = 20,
     .help = "Those of one user; more are refused as busy."},
    {"envelope-octets", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH | CONFIG_NET, 1024, IPC_ENVELOPE_MAX,
     .number = 8 * MIB, .help = "The longest envelope, probe or report that is taken."},
    {"envelope-memory", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH, 65536, 1L << 34, .number = 64 * MIB,
     .help = "The memory to decode one envelope."},
    {"content-octets", CONFIG_NUMBER, CONFIG_OCTETS, CONFIG_STORE, 0, INT64_MAX,
     .help = "The longest content that is taken; 0: no limit but the disk."},
    {"mailbox-octets", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH, 0, INT64_MAX, .number = 2L << 30,
     .help = "What one mailbox may hold; what would be more is not delivered; 0: no limit. Reports get a "
             "tenth more."},
    {"submission-octets", CONFIG_NUMBER, CONFIG_OCTETS, CONFIG_STORE, 0, INT64_MAX, .number = 4L << 30,
     .help = "What one uid may have in submissions that are not ended yet; 0: no limit."},
    {"resumable", CONFIG_NUMBER, 0, CONFIG_STORE, 0, INT32_MAX, .number = 200,
     .help =
         "The most broken transfers of one peer that are kept to be resumed; the oldest give way, and begin "
         "anew; 0: no limit."},
    {"resumable-octets", CONFIG_NUMBER, CONFIG_OCTETS, CONFIG_STORE, 0, INT64_MAX, .number = 4L << 30,
     .help = "The same in octets of their contents; 0: no limit."},
    {"resumable-names", CONFIG_NUMBER, 0, CONFIG_STORE, 0, INT32_MAX, .number = 20000,
     .help =
         "The most names of one peer's transfers by which no message came (resumed and not there, resumed "
         "anew, discarded, refused for good) that are remembered in the time 'resume'; of one that gives "
         "more nothing is resumed for twice that time, and begins anew; 0: no limit."},
    {"requests", CONFIG_NUMBER, 0, SWITCH, 1, 1000000, .number = 512,
     .help = "Unfinished requests of peers and local users above which no other begins before the store "
             "answers."},
    {"batch-octets", CONFIG_NUMBER, CONFIG_OCTETS, CONFIG_STORE, 65536, 1L << 34, .number = 16 * MIB,
     .help = "The same in octets of memory: what came in while the store was busy with what came before."},
    {"recipients", CONFIG_NUMBER, 0, SWITCH, 0, INT32_MAX,
     .help = "The most recipients of a message; 0: the bound of X.411."},
    {"dl-depth", CONFIG_NUMBER, 0, SWITCH, 1, 512, .number = 16, .help = "How deep lists may be in lists."},
    {"gather-us", CONFIG_NUMBER, 0, SWITCH, 0, 1000000, .number = 500,
     .help = "Microseconds that a commit waits for more when the disk is fast; 0: none."},
    {"relax-bounds", CONFIG_FLAG, 0, SWITCH, .help = "Take values over the upper bounds of X.411."},
    {0},
};

static const struct config_option timer_options[] = {
    {"connect", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_NET, 1, DAY, .number = OSI_CONNECT_SECONDS,
     .help = "From a call to its association."},
    {"transfer", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_NET, 1, DAY, .number = OSI_TRANSFER_SECONDS,
     .help = "How long a peer that has to say something may be silent."},
    {"release", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_NET, 1, DAY, .number = OSI_RELEASE_SECONDS,
     .help = "How long the answer to a release is waited for, and to the interruption or the discard of a "
             "transfer."},
    {"stop", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_NET | CONFIG_STORE, 0, HOUR, .number = 5,
     .help = "How long a stop of the daemon waits for the transfers under way. What takes longer is cut, "
             "with a line in "
             "the log, and goes on after the next start."},
    {"repeat-keys", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_STORE, 60, INT32_MAX, .number = 20 * DAY,
     .help = "How long a transfer is remembered to recognize a repeat."},
    {"resume", CONFIG_NUMBER, CONFIG_SECONDS | CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, INT32_MAX,
     .number = 3 * DAY, .help = "How long a broken transfer can be resumed."},
    {"tracking", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_STORE, 60, INT32_MAX, .number = 30 * DAY,
     .help = "How long the history of a message is kept."},
    {"submitted", CONFIG_NUMBER, CONFIG_SECONDS, CONFIG_STORE, 0, INT32_MAX, .number = 0,
     .help = "How long what a user submits is kept in his mailbox, as an entry of class submission that P7 "
             "can list; "
             "it counts for mailbox-octets, and is not kept where that is full; 0: not at all."},
    {0},
};

/* The lifetimes and tries of each priority; the targets are those of F.410. */
#define TIME(option, standard, text)                                                                         \
    {                                                                                                        \
        option, CONFIG_NUMBER, CONFIG_SECONDS | CONFIG_ZERO_DEFAULT, SWITCH, 1, INT32_MAX,                   \
            .number = (standard), .help = (text)                                                             \
    }
#define EXPIRY(standard)  TIME("expiry", standard, "From arrival to non-delivery.")
#define FIRST(standard)   TIME("first-retry", standard, "To the second try; the wait doubles with each.")
#define LONGEST(standard) TIME("longest-retry", standard, "The longest wait between two tries.")

static const struct config_option normal_options[] = {EXPIRY(24 * HOUR), FIRST(120), LONGEST(1800), {0}};
static const struct config_option non_urgent_options[] = {EXPIRY(36 * HOUR), FIRST(300), LONGEST(3600), {0}};
static const struct config_option urgent_options[] = {EXPIRY(4 * HOUR), FIRST(60), LONGEST(900), {0}};

static const char *const sandboxes[] = {"full", "partial", NULL};
static const char *const log_levels[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct config_option top_options[] = {
    {"mta-name", CONFIG_TEXT, CONFIG_NEEDED, CONFIG_ALL & ~CONFIG_WORK, 1, 32,
     .help = "The name of this MTA in binds and internal trace."},
    {"domain", CONFIG_TEXT, CONFIG_NEEDED, SWITCH, 1,
     .help =
         "Our management domain, as \"/C=GB/A=GOLD/P=ALPHA\". Addresses in it are ours unless a route says "
         "otherwise."},
    {"node", CONFIG_TEXT, CONFIG_RESTART, SWITCH, 1, 10, .text = "a",
     .help = "Stands in the identifiers that are made here; each node of a domain needs its own. 1 to 10 "
             "letters, "
             "digits and `-`."},
    {"store", CONFIG_TEXT, CONFIG_RESTART, SWITCH, 1, .text = "/var/lib/chasqui",
     .help =
         "Where messages rest: a folder, or a database of a PostgreSQL server of version 15 or later, as "
         "`postgresql://chasqui@/chasqui?host=/run/postgresql`. The database must be there; its tables are "
         "made."},
    {"store-password", CONFIG_TEXT, CONFIG_RESTART | CONFIG_SECRET, SWITCH, 1,
     .none = "the server asks for none, or libpq finds one in the file that `passfile` of `store` names",
     .help = "The password for the server of `store`."},
    {"create-store", CONFIG_FLAG, CONFIG_RESTART, CONFIG_STORE, .number = true,
     .help = "Make an empty store, with a warning in the log, where there is none. With `false` the daemon "
             "refuses to start then, as it should when the disk of `store` is not mounted; `mhsd "
             "--create-store` makes the first one."},
    {"socket", CONFIG_TEXT, CONFIG_RESTART, CONFIG_PARENT, 1, sizeof((struct sockaddr_un *)0)->sun_path - 1,
     .text = "/run/chasqui/mhsd.sock", .help = "The Unix socket where `mhs(1)` reaches the daemon."},
    {"run-as", CONFIG_LOGIN, CONFIG_RESTART | CONFIG_ROOT, CONFIG_ALL, .text = "chasqui",
     .help = "The user to run as when started by root. Empty: stay root."},
    {"operators", CONFIG_GROUP, 0, SWITCH | CONFIG_CLIENTS, .none = "only root",
     .help = "A group whose members may do what root may with `mhs(1)`."},
    {"net-processes", CONFIG_NUMBER, CONFIG_RESTART, CONFIG_PARENT, 1, 64, .number = 1,
     .help = "How many processes speak with the peers."},
    {"reader-processes", CONFIG_NUMBER, CONFIG_RESTART,
     CONFIG_PARENT | CONFIG_STORE | CONFIG_NET | CONFIG_CLIENTS, 0, 64, .number = 1,
     .help =
         "How many processes answer what only reads the store: mailboxes, contents, tracking. 0: the store "
         "process answers it, between its commits."},
    {"work-processes", CONFIG_NUMBER, CONFIG_RESTART, CONFIG_PARENT, 1, 64, .number = 1,
     .help = "How many processes open contents, for conversion."},
    {"sandbox", CONFIG_WORD, CONFIG_RESTART, CONFIG_ALL, .text = "full", .words = sandboxes,
     .help = "What to do where the kernel has no Landlock, which keeps each process to its own files: `full` "
             "refuses to start, `partial` goes on without."},
    {"log-level", CONFIG_WORD, 0, CONFIG_ALL, .text = "info", .words = log_levels,
     .help = "What is logged: lines of this level and those before it."},
    {"listen", CONFIG_TEXTS, CONFIG_RESTART, CONFIG_NET, .none = "nowhere",
     .help = "Presentation addresses to listen at (RFC 1278), as {\"\\\"P1\\\"/Internet=0.0.0.0+102\"}. A "
             "caller must "
             "address the selectors that are named. Lines of one address that differ in a T-, S- or "
             "P-selector "
             "take each of them there: {\"\\\"591\\\"/Internet=0.0.0.0+102\", "
             "\"\\\"592\\\"/Internet=0.0.0.0+102\"}. A host name is resolved when the daemon starts."},
    {"listen-users", CONFIG_TEXTS, CONFIG_RESTART, CONFIG_NET, .none = "nowhere: users can't bind",
     .help =
         "The same for users, whose programs bind by P3 (mts-access) or to their mailbox by P7 "
         "(ms-access), with and without RTSE, of 1988 and of 1994, as {\"Internet=0.0.0.0+3102\"}. Ports of "
         "`listen` can't be among them. A user binds with his O/R address and a password (`mhs user set "
         "--password-command`, or `password-hash`), which travels as it is: where others can listen on the "
         "way, let it go through a tunnel."},
    {"name-servers", CONFIG_TEXTS, 0, CONFIG_NET,
     .none = "those of /etc/resolv.conf, which is read, as /etc/hosts is, when a net process starts",
     .help = "IP addresses of the servers that resolve the peers' host names, with `:port` if it is not 53."},
    {"internal-trace", CONFIG_FLAG, 0, SWITCH, .number = true, .help = "Record the way within the domain."},
    {"physical-delivery", CONFIG_FLAG, 0, SWITCH, .help = "A physical delivery access unit is here."},
    {"rfc1328-address", CONFIG_TEXT, 0, SWITCH,
     .help =
         "An O/R address of ours. Addresses that a peer of 1984 can't express travel below it (RFC 1328 "
         "section "
         "3.1), where `rfc1328` is agreed with the peer; what comes to such an address is taken out again."},
    {"catch-all", CONFIG_TEXT, 0, SWITCH,
     .help =
         "The mailbox that gets messages for unknown users of the domain, when their originators allow an "
         "alternate recipient."},
    {"limits", CONFIG_SECTION, 0, CONFIG_ALL, .options = limit_options,
     .help = "How much of everything is taken at a time."},
    {"timers", CONFIG_SECTION, 0, CONFIG_ALL, .options = timer_options,
     .help = "How long is waited or remembered."},
    {"schedule", CONFIG_TITLED, 0, SWITCH, .title = "normal", .options = normal_options,
     .help = "How long messages of normal priority are tried, and how often."},
    {"schedule", CONFIG_TITLED, 0, SWITCH, .title = "non-urgent", .options = non_urgent_options,
     .help = "The same for non-urgent ones."},
    {"schedule", CONFIG_TITLED, 0, SWITCH, .title = "urgent", .options = urgent_options,
     .help = "The same for urgent ones; reports are tried as these."},
    {"peer", CONFIG_TITLED, 0, CONFIG_STORE | CONFIG_READER | CONFIG_NET, .title_is = "name",
     .options = config_peer_options, .help = "An adjacent MTA."},
    {"route", CONFIG_TITLED, 0, SWITCH, .title_is = "pattern", .options = config_route_options,
     .help =
         "Where addresses go. The pattern is an O/R address; a value `*` means any, `abc*` a beginning; "
         "`\"\"` is "
         "the default route. The most specific pattern that matches counts. A route has one of `next-hop`, "
         "`local` and `non-delivery`."},
    {"user", CONFIG_TITLED, 0, SWITCH, .title_is = "address", .options = config_user_options,
     .help = "A mailbox; `mhs user add` makes others."},
    {"list", CONFIG_TITLED, 0, SWITCH, .title_is = "address", .options = config_list_options,
     .help = "A distribution list."},
    {"directory", CONFIG_TITLED, 0, SWITCH, .title_is = "name", .options = config_directory_options,
     .help = "Somebody elsewhere whom messages may name by directory name (RFC 4514) only. A recipient whose "
             "name is "
             "not known gets a non-delivery, `directory-operation-unsuccessful`."},
    {"alias", CONFIG_TITLED, 0, SWITCH, .title_is = "address", .options = config_alias_options,
     .help = "Another address of a user or list."},
    {0},
};

const struct config_option config_top = {
    .name = "", .type = CONFIG_SECTION, .processes = CONFIG_ALL, .options = top_options};

const struct config_option *config_option_named(const struct config_option *section, struct span name,
                                                const char *title) {
    for (const struct config_option *option = section->options; option->type != CONFIG_END; option++)
        if (strncmp(option->name, (const char *)name.data, name.len) == 0 && option->name[name.len] == '\0' &&
            (!title || !option->title || strcmp(option->title, title) == 0))
            return option;
    return NULL;
}
