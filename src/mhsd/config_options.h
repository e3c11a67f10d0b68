/*
 * The table of options: all that is known of each option of chasqui.conf
 * stands in its row, and nowhere else. The reader of the file, the checks, each
 * process's slice, the reload, the written example and the manual page are made
 * from it.
 *
 * To add an option: one row here (config_options*.c), and one line where its
 * section is read (config*.c), such as
 *     peer->window_size = (unsigned)config_number(section, "window-size");
 */
#ifndef MHSD_CONFIG_OPTIONS_H
#define MHSD_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* The kinds of processes, as bits: who gets an option in its slice. The parent has all. */
enum config_process {
    CONFIG_STORE = 1,
    CONFIG_READER = 2,
    CONFIG_NET = 4,
    CONFIG_WORK = 8,
    CONFIG_CLIENTS = 16,
    CONFIG_PARENT = 32,
    CONFIG_ALL = 63
};

enum config_type {
    CONFIG_END, /* closes a section's rows */
    CONFIG_NUMBER,
    CONFIG_FLAG,    /* true or false */
    CONFIG_TEXT,    /* `least` to `most` octets; `most` 0: any */
    CONFIG_WORD,    /* one of `words` */
    CONFIG_WORDS,   /* a list of them; `least` to `most` of them; `most` 0: any number */
    CONFIG_TEXTS,   /* a list of texts */
    CONFIG_LOGIN,   /* a user of the system; a slice holds the number too */
    CONFIG_GROUP,   /* a group of the system; a slice holds its number and its members' too */
    CONFIG_SECTION, /* once, without a title */
    CONFIG_UNTITLED,
    CONFIG_TITLED /* as often as wanted; its titles differ */
};

enum config_flag {
    CONFIG_NEEDED = 1,       /* it must be given where its section is */
    CONFIG_SECRET = 2,       /* never shown */
    CONFIG_RESTART = 4,      /* a reload leaves it as it is (top level only) */
    CONFIG_ZERO_DEFAULT = 8, /* 0 stands for the default, though it is under `least` */
    CONFIG_ROOT = 16,        /* looked up only when root starts the daemon */
    CONFIG_SECONDS = 32,     /* units of a number */
    CONFIG_OCTETS = 64,
    CONFIG_UNITS = CONFIG_SECONDS | CONFIG_OCTETS
};

struct config_option {
    const char *name;
    enum config_type type;
    unsigned flags;
    unsigned processes;       /* who gets it; of a section: who gets its title and what in it is theirs */
    int64_t least, most;      /* bounds; of a number both count */
    int64_t number;           /* the default of a number or flag */
    const char *text;         /* the default of a text or word; NULL: none */
    const char *const *items; /* the default of a list, closed by NULL; NULL: the empty list */
    const char *const *words; /* closed by NULL */
    const char *title;        /* of a section that is there once for each of some titles: the title */
    const char *title_is;     /* what a section's title is, for people */
    const struct config_option *options; /* of a section, closed by CONFIG_END */
    const char *none; /* what it means when it is not given and has no default, for people */
    const char *help; /* sentences; `x` marks a word as one of the file */
};

/* The top level: a section that has no title and is always there. */
extern const struct config_option config_top;

/* Of config_options_peer.c and config_options_mts.c. */
extern const struct config_option config_peer_options[], config_route_options[], config_user_options[],
    config_list_options[], config_directory_options[], config_alias_options[];

/* The row with this name, and of several sections of one name that with the title, or the first when it is
 * NULL; NULL: there is none. */
const struct config_option *config_option_named(const struct config_option *section, struct span name,
                                                const char *title);

static inline bool config_is_section(const struct config_option *option) {
    return option->type >= CONFIG_SECTION;
}

#endif
