/* The rows of routes, users, lists, the directory and aliases. */
#include "mhsd/config_options.h"

#include <stddef.h>

/* Those that run the rules. */
#define SWITCH (CONFIG_STORE | CONFIG_READER)

static const struct config_option next_hop_options[] = {
    {"rank", CONFIG_NUMBER, 0, SWITCH, 0, 1000,
     .help = "Lower ranks first; higher ones when all of the lower are backing off."},
    {"weight", CONFIG_NUMBER, 0, SWITCH, 1, 1000, .number = 1, .help = "The share among equals."},
    {0},
};

const struct config_option config_route_options[] = {
    {"next-hop", CONFIG_TITLED, 0, SWITCH, .title_is = "peer", .options = next_hop_options,
     .help = "One or more peers to which it goes."},
    {"local", CONFIG_FLAG, 0, SWITCH, .help = "Ours: who is no user or list here does not exist."},
    {"non-delivery", CONFIG_TEXT, 0, SWITCH,
     .help = "A reason code of X.411 by its name: it is non-delivered."},
    {"diagnostic", CONFIG_TEXT, 0, SWITCH,
     .help = "A diagnostic code of X.411 by its name, for the non-delivery."},
    {"supplementary-information", CONFIG_TEXT, 0, SWITCH,
     .help = "A text for the non-delivery: 256 letters without accents, digits and '()+,-./:=? at most."},
    {0},
};

static const char *const sources[] = {"originated-by", "redirected-by", "dl-expanded-by", NULL};

static const struct config_option restriction_options[] = {
    {"permitted", CONFIG_FLAG, 0, SWITCH, .number = true, .help = "What matches may be delivered."},
    {"source-type", CONFIG_WORDS, 0, SWITCH, .words = sources, .none = "all of them",
     .help = "As what the source stands behind the message."},
    {"source-name", CONFIG_TEXT, 0, SWITCH, .none = "anybody", .help = "A pattern of the source's address."},
    {0},
};

static const char *const priorities[] = {"normal", "non-urgent", "urgent", NULL};
static const char *const objects[] = {"both", "messages", "reports", NULL};

static const struct config_option redirection_options[] = {
    {"alternate", CONFIG_TEXT, 0, SWITCH, 1, .none = "these are not redirected",
     .help = "The address instead."},
    {"content-types", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "Contents for which it is."},
    {"acceptable-eits", CONFIG_TEXTS, 0, SWITCH, .none = "all",
     .help = "One of the message's encoded information types is there."},
    {"exclusively-acceptable-eits", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "All of them are there."},
    {"unacceptable-eits", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "None of them is there."},
    {"security-labels", CONFIG_TEXTS, 0, SWITCH, .none = "all",
     .help = "One of these matches the message's."},
    {"max-length", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH, 0, INT64_MAX,
     .help = "The longest content for which it is; 0: any."},
    {"priorities", CONFIG_WORDS, 0, SWITCH, .words = priorities, .none = "all",
     .help = "Priorities for which it is."},
    {"objects", CONFIG_WORD, 0, SWITCH, .text = "both", .words = objects, .help = "For what it is."},
    {"applies-only-to", CONFIG_UNTITLED, 0, SWITCH, .options = restriction_options, .none = "all",
     .help = "Sources for which it is, written as a `restriction`."},
    {0},
};

static const char *const deliveries[] = {"mailbox", "p3", NULL};

const struct config_option config_user_options[] = {
    {"login", CONFIG_LOGIN, 0, SWITCH, 1, .none = "only operators use the mailbox",
     .help = "The Unix user who may use it."},
    {"password-hash", CONFIG_TEXT, CONFIG_SECRET, CONFIG_STORE, 1, 127, .none = "the user can't bind",
     .help = "Of the password with which the user's own programs bind (P3): what `mhs user hash` prints, a "
             "hash by Argon2id."},
    {"delivery", CONFIG_WORD, 0, SWITCH, .text = "mailbox", .words = deliveries,
     .help = "Where messages and reports for the user are delivered: into a mailbox here, or (`p3`) to the "
             "user's own program, a user agent or a message store, while that is bound by P3; they are held "
             "for it till then, and expire as messages do that wait for a peer."},
    {"available", CONFIG_FLAG, 0, SWITCH, .number = true,
     .help = "`false`: registered, but nothing can be delivered."},
    {"may-submit", CONFIG_FLAG, 0, SWITCH, .number = true, .help = "The user may submit."},
    {"implicit-conversion", CONFIG_FLAG, 0, SWITCH, .number = true,
     .help = "Contents may be converted for this user without being asked."},
    {"max-length", CONFIG_NUMBER, CONFIG_OCTETS, SWITCH, 0, INT64_MAX,
     .help = "The longest content that can be delivered; 0: any."},
    {"content-types", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "What can be delivered."},
    {"encoded-information-types", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "What can be delivered."},
    {"security-labels", CONFIG_TEXTS, 0, SWITCH, .none = "all",
     .help =
         "What can be delivered. A label is \"POLICY/CLASSIFICATION/CATEGORIES\"; parts at the end may be "
         "left out "
         "and the first two be empty. The policy is a dotted object identifier, the classification a name "
         "(`unmarked` to `top-secret`) or number, the categories a list with commas of `TYPE:VALUE`, an "
         "object "
         "identifier and the value's BER in hex. A message's label matches when all that is written is the "
         "same, "
         "the categories as a set; a message without a label is `unmarked`. What does not match any is "
         "non-delivered with transfer-failure-for-security-reason, security-policy-violation."},
    {"directory-name", CONFIG_TEXT, 0, SWITCH, 1, .help = "By which the user may be named too (RFC 4514)."},
    {"redirection", CONFIG_UNTITLED, 0, SWITCH, .options = redirection_options,
     .help = "The recipient's own redirections, each for a class of messages; the first that fits counts."},
    {"restriction", CONFIG_UNTITLED, 0, SWITCH, .options = restriction_options,
     .help = "Restricted delivery: the first that matches decides; what none matches is delivered."},
    {"domain-alternate", CONFIG_TEXT, 0, SWITCH, 1,
     .help = "Where the domain sends what can't be delivered, when the originator allows it."},
    {0},
};

static const char *const policies[] = {"originator", "owner", "both", NULL};

const struct config_option config_list_options[] = {
    {"members", CONFIG_TEXTS, 0, SWITCH, .help = "Addresses, or \"DN:\" and a directory name."},
    {"submitters", CONFIG_TEXTS, 0, SWITCH, .none = "all", .help = "Patterns of those who may submit to it."},
    {"owner", CONFIG_TEXT, 0, SWITCH, 1, .help = "The address of the owner."},
    {"reports", CONFIG_WORD, 0, SWITCH, .text = "originator", .words = policies,
     .help = "To whom reports go; to the originator they go back along the way."},
    {"expansion-is-delivery", CONFIG_FLAG, 0, SWITCH, .help = "Report the expansion as a delivery."},
    {"remove-originator", CONFIG_FLAG, 0, SWITCH, .help = "The originator gets no copy."},
    {"directory-name", CONFIG_TEXT, 0, SWITCH, 1, .help = "By which the list may be named too."},
    {0},
};

const struct config_option config_directory_options[] = {
    {"address", CONFIG_TEXT, CONFIG_NEEDED, SWITCH, 1,
     .help = "The O/R address that the directory name has."},
    {0},
};

const struct config_option config_alias_options[] = {
    {"target", CONFIG_TEXT, CONFIG_NEEDED, SWITCH, 1, .help = "The address whose alias it is."},
    {0},
};
