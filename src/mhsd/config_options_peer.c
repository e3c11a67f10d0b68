/* The rows of a peer. */
#include "mhsd/config_options.h"

#include <stddef.h>

#include "ipc/bind.h"
#include "osi/association.h"
#include "osi/cotp.h"

/* Those that run the rules. */
#define SWITCH (CONFIG_STORE | CONFIG_READER)

/* Those that call, and those that know who calls. */
#define BOTH (CONFIG_NET | CONFIG_STORE)

static const char *const forms[] = {"octet-string", "ia5-string", NULL};
static const char *const contexts[] = {"mts-transfer", "mts-transfer-protocol", "mts-transfer-protocol-1984",
                                       NULL};
static const char *const first_context[] = {"mts-transfer", NULL};
static const char *const dialogues[] = {"monologue", "two-way-alternate", NULL};
static const char *const recoveries[] = {"resume", "full", "off", NULL};
static const char *const editions[] = {"1988", "1984", NULL};

const struct config_option config_peer_options[] = {
    /* the association */
    {"address", CONFIG_TEXTS, 0, BOTH, .none = "it only calls us",
     .help =
         "Where it is called: presentation addresses, tried in turn, each with its own selectors. The name "
         "of an "
         "application context and a blank before an address say that it is called with that context only, as "
         "{\"mts-transfer-protocol-1984 \\\"592\\\"/Internet=beta.example\"}. A host name is resolved each "
         "time "
         "the peer is called, and all its addresses, IPv4 and IPv6, are tried; a name that does not resolve "
         "is a call "
         "that failed, and is tried again later. An IPv6 address stands in brackets."},
    {"calling-address", CONFIG_TEXT, 0, BOTH, .help = "The selectors that we call with."},
    {"mta-name", CONFIG_TEXT, 0, SWITCH, 1, IPC_BIND_TEXT_MAX, .none = "the section's title",
     .help =
         "As the peer gives it in its bind; letters' case counts. Several peers may have one: the one whose "
         "`accepted-contexts` and `dialogue` allow the bind is meant, and of several of these the one whose "
         "`address` the call comes from, else the one whose `calling-address` has the selectors that were "
         "called, else the first."},
    {"password", CONFIG_TEXT, CONFIG_SECRET, CONFIG_STORE, 0, IPC_BIND_TEXT_MAX, .none = "none is asked",
     .help =
         "As the peer gives it in its bind. Where there is none, or an empty one, and no `check-address`, "
         "whoever gives its MTA name is taken for the peer, which a warning says."},
    {"former-password", CONFIG_TEXT, CONFIG_SECRET, CONFIG_STORE, 0, IPC_BIND_TEXT_MAX,
     .none = "none is taken",
     .help =
         "Taken as well as `password`, while the peer changes from one to the other; the log says when it "
         "was used."},
    {"our-mta-name", CONFIG_TEXT, 0, CONFIG_STORE, 1, IPC_BIND_TEXT_MAX,
     .none = "`mta-name` of the top level", .help = "As we give it to this peer."},
    {"our-password", CONFIG_TEXT, CONFIG_SECRET, CONFIG_STORE, 0, IPC_BIND_TEXT_MAX, .none = "none is given",
     .help = "As we give it to this peer."},
    {"password-form", CONFIG_WORD, 0, CONFIG_STORE, .text = "octet-string", .words = forms,
     .help = "As we write passwords. Both are read."},
    {"unauthenticated", CONFIG_FLAG, 0, CONFIG_STORE,
     .help = "Bind without names; `check-address` must be set."},
    {"check-address", CONFIG_FLAG, 0, CONFIG_STORE,
     .help = "The peer must call from one of its addresses; a host name is resolved when it calls."},
    {"application-contexts", CONFIG_WORDS, 0, CONFIG_NET | SWITCH, 1, 3, .items = first_context,
     .words = contexts, .help = "Those that we call with, tried in order."},
    {"accepted-contexts", CONFIG_WORDS, 0, CONFIG_STORE, .items = contexts, .words = contexts,
     .help = "Those that the peer may call with."},
    {"dialogue", CONFIG_WORD, 0, BOTH, .text = "monologue", .words = dialogues,
     .help = "Who may send on an association: its caller only, or both in turn. Nothing of ours is sent on "
             "those that the peer opens."},
    {"tpdu-size", CONFIG_NUMBER, CONFIG_OCTETS | CONFIG_ZERO_DEFAULT, CONFIG_NET, COTP_TPDU_MINIMUM,
     COTP_TPDU_MAXIMUM, .number = COTP_TPDU_MAXIMUM,
     .help = "The largest transport data unit that we offer."},
    {"checkpoints", CONFIG_FLAG, 0, CONFIG_NET, .number = true,
     .help = "Offer checkpoints, from which a broken transfer is resumed."},
    {"checkpoint-size", CONFIG_NUMBER, CONFIG_ZERO_DEFAULT, CONFIG_NET, 1, 65535,
     .number = OSI_CHECKPOINT_SIZE, .help = "KiB between two checkpoints, as offered."},
    {"window-size", CONFIG_NUMBER, CONFIG_ZERO_DEFAULT, CONFIG_NET, 1, 100, .number = OSI_WINDOW_SIZE,
     .help = "Checkpoints that may wait for their confirmation, as offered."},
    /* the queue */
    {"recovery", CONFIG_WORD, 0, CONFIG_STORE, .text = "resume", .words = recoveries,
     .help =
         "What a recovery (RT-RECOVER) gets, which names a broken association and carries no password: "
         "`resume`, only that what it left unfinished goes on; `full`, all that a bind gets, from the same "
         "address and as long as a transfer can be resumed, for a peer that sends new messages that way; "
         "`off`, nothing. It holds for those that call us and for our own."},
    {"associations-in", CONFIG_NUMBER, CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 100000, .number = 10,
     .help = "Its associations with us at a time; more are refused as busy."},
    {"associations-out", CONFIG_NUMBER, CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 10000, .number = 4,
     .help = "Ours with it at a time."},
    {"queue-per-association", CONFIG_NUMBER, CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 1000000, .number = 10,
     .help = "Copies ready for the peer for which one more association is opened."},
    {"permanent", CONFIG_FLAG, 0, CONFIG_STORE, .help = "Keep an association up."},
    {"idle", CONFIG_NUMBER, CONFIG_SECONDS | CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 86400, .number = 60,
     .help = "When an association of ours that has nothing to do is released."},
    {"first-retry", CONFIG_NUMBER, CONFIG_SECONDS | CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 86400, .number = 30,
     .help = "To the next call when it can't be reached, or refuses for now what it is sent (three copies in "
             "a row: "
             "then one copy at a time asks whether it takes in again); the wait doubles with each."},
    {"longest-retry", CONFIG_NUMBER, CONFIG_SECONDS | CONFIG_ZERO_DEFAULT, CONFIG_STORE, 1, 7 * 86400,
     .number = 1800, .help = "The longest wait between two calls."},
    /* the message transfer service */
    {"domain", CONFIG_TEXT, 0, SWITCH, 1, .none = "it is an MTA of our own domain",
     .help = "The management domain of the peer."},
    {"transit", CONFIG_FLAG, 0, SWITCH,
     .help =
         "The peer may hand over whatever it likes: from any originator, for any recipient, and its reports "
         "are believed of any copy. Without it a peer of another domain may send for originators of its "
         "`domain`, of the address spaces that are routed to it, and of `originators`, under "
         "MTS-identifiers of their domains, to addresses of our "
         "own domain and `destinations`; it keeps a message for whose originator it may not send, a "
         "recipient "
         "that is none of these is non-delivered with no-bilateral-agreement, and a report is believed only "
         "of "
         "recipients whose copies were sent to the peer, once, and goes only to the subject's originator or "
         "a "
         "list that expanded it, as the record has them. An alternate recipient that its message asks for is "
         "ignored where the peer could not name him as a recipient, and so is a directory name beside a "
         "recipient's address that leads to such a one. An MTA of our own domain needs no leave. "
         "With or "
         "without it nobody but our own domain is believed to send for an address of ours: such an "
         "originator "
         "passes no list's `submitters` and no permission, unless the trace and the record say that the "
         "message "
         "went out to that peer before and is coming back."},
    {"originators", CONFIG_TEXTS, 0, SWITCH, .none = "its own domain, and what is routed to it",
     .help = "For whom else the peer may send: address patterns like those of routes. The empty one is "
             "everybody but us. A peer whose lists send third parties' messages to our users, or whose "
             "users redirect them to ours, needs this (or `transit`): what the histories of a message say "
             "of lists and redirections the peer could write itself, and they prove nothing."},
    {"destinations", CONFIG_TEXTS, 0, SWITCH, .none = "our own domain",
     .help = "To whom else the peer may send through us: address patterns like those of routes."},
    {"edition", CONFIG_WORD, 0, SWITCH, .text = "1988", .words = editions,
     .help = "What a peer of 1984 can't take is downgraded as X.419 annex B says. It is 1984 where "
             "`application-contexts` names mts-transfer-protocol-1984: no extension goes over that."},
    {"old-extension-form", CONFIG_FLAG, 0, SWITCH,
     .help = "Write the number of a standard extension as `A0 03 02 01 nn` in place of `80 01 nn`: PP 6.0 as "
             "it was "
             "shipped reads that only. Both are read."},
    {"content-1984-only", CONFIG_FLAG, 0, SWITCH,
     .help = "Behind the peer only P2 is understood: P22 is unable-to-downgrade, or with `rfc1328` "
             "converted. It is so, "
             "unless this says otherwise, where `application-contexts` names mts-transfer-protocol-1984."},
    {"rfc1328", CONFIG_FLAG, 0, SWITCH,
     .help =
         "With a 1984 peer, both ways: common name as the domain-defined attribute `Common`, other addresses "
         "below `rfc1328-address` (RFC 1328 section 3). With `content-1984-only` P22 is rewritten as P2 too; "
         "a "
         "body part that P2 lacks is unable-to-downgrade. The O/R names in its headings go as those of the "
         "envelope."},
    {"rfc1328-encapsulate", CONFIG_FLAG, 0, SWITCH,
     .help = "Such a body part goes whole within a nationally-defined one (RFC 1328 section 6), for user "
             "agents that "
             "know what is in it."},
    {"rfc1328-replace", CONFIG_FLAG, 0, SWITCH,
     .help = "Else such a body part is replaced by a text that says what stood there."},
    {"defers", CONFIG_FLAG, 0, SWITCH, .help = "By agreement the peer holds deferred messages itself."},
    {"keep-internal-trace", CONFIG_FLAG, 0, SWITCH,
     .help = "Keep internal trace across the border of the domain."},
    {"service-messages", CONFIG_FLAG, 0, SWITCH, .help = "There is an agreement about service messages."},
    {"physical-delivery", CONFIG_FLAG, 0, SWITCH, .help = "Physical delivery is behind the peer."},
    {"check-loops", CONFIG_FLAG, 0, SWITCH, .number = true,
     .help =
         "Look for loops in what comes from it, and, if it is an MTA of our own domain, keep from it "
         "what it had before by the internal trace: another next hop takes that, or it is non-delivered with "
         "loop-detected."},
    {"max-length", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH, 0, INT64_MAX,
     .help = "The longest content that it takes; 0: no limit."},
    {"max-recipients", CONFIG_NUMBER, 0, SWITCH, 0, INT32_MAX,
     .help = "The most recipients of a message that it takes; 0: no limit."},
    {"content-types", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "What it takes."},
    {"encoded-information-types", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "What it takes."},
    {"bilateral-information", CONFIG_TEXT, 0, SWITCH,
     .help = "What we add for its domain: one BER element in hex."},
    {0},
};
