/*
 * The reading of the configuration, shared by the config_*.c files. From below:
 * options (the table), complain (errors), lexer, tree (what the file says,
 * checked against the table), value (what holds, defaults included), lookup, the
 * readers of sections, config.c; beside them slice, change and example.
 */
#ifndef MHSD_CONFIG_PRIVATE_H
#define MHSD_CONFIG_PRIVATE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mhsd/config.h"
#include "mhsd/config_options.h"
#include "mts/tables.h"

/* ---- places and errors ---- */

struct config_place {
    unsigned file; /* an index in loader.files */
    int line;      /* 0: the file as a whole */
};

enum { CONFIG_COMPLAINTS_MOST = 50 };

/* What is said of the file, in the order in which it was found. */
struct config_notes {
    struct config_note {
        struct config_place place;
        size_t number;
        const char *text; /* with the place, without a line's end */
    } * items;
    size_t count, room;
};

struct loader {
    struct config config; /* first: what the callers get a pointer to */
    struct config_section *tree;
    struct arena arena;
    struct mts_tables *tables;
    const char *name;   /* of the file that was asked for */
    const char **files; /* the names of all; that one is the first */
    unsigned file_count;
    unsigned processes; /* whose slice it is; CONFIG_ALL: the files themselves */

    /* while it is read */
    struct error *err; /* the first complaint */
    struct config_notes complaints, warnings;
    unsigned complaint_count;
    bool no_memory;  /* some of what was read is not here */
    bool incomplete; /* of the top level, or of files that it includes, something could not be read: peers may
                      * be missing
                      */
};

/* At the end of the reading: all that was said, in the order of the files and of their lines, into `report`
 * (NULL is allowed); the first complaint is the error. */
void config_tell(struct loader *l, struct config_report *report);

/* `FILE: line N: text`: notes a complaint, and returns false. */
bool config_complain(struct loader *l, struct config_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same about an option of a section, or, when `option` is NULL or not set in it, about the section: its
 * name and title are said too. Once the tree is read, nothing more is said of a section at fault: what
 * follows from a fault is none. */
bool config_fail(struct loader *l, struct config_section *section, const char *option, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* Notes a warning about an option of a section, in the form of config_fail. */
void config_warn(struct loader *l, const struct config_section *section, const char *option,
                 const char *what);

/* The same of a place, the text being all that is said. */
void config_warn_at(struct loader *l, struct config_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* config_advice.c: warns of files that hold secrets and that others than their owner may read. */
void config_advise_on_secrets(struct loader *l);

/* config_advice.c: warnings about each peer, noted and kept with it. */
void config_advise(struct loader *l, struct mta_peer *peers, size_t count);

/* config_advice_mts.c: the same about schedules and users, once all could be read. */
void config_advise_on_mts(struct loader *l);

/* "No memory", and returns false. */
bool config_no_memory(struct loader *l);

/* Has nothing been complained of? */
static inline bool config_sound(const struct loader *l) {
    return l->complaint_count == 0;
}

/* An array in the loader's arena; an empty one when `count` is 0. NULL, with the complaint made, without
 * memory. */
void *config_array(struct loader *l, size_t count, size_t size);

/* ---- tokens ---- */

enum { CONFIG_FILES_DEEP = 8 };

struct config_token {
    /* 0 at the end, 't' a text, '!' what is none (it was complained of), or one of { } ( ) = + , ; + is += */
    char kind;
    bool quoted;
    struct span text; /* until the next token */
    struct config_place place;
};

struct config_lexer {
    struct loader *l;
    struct lexer_file {
        struct span rest;
        size_t taken;   /* octets before the rest */
        uint8_t *owned; /* what is freed with it, or NULL */
        dev_t device;   /* which file it is, by whatever name; inode 0: none */
        ino_t inode;
        struct config_place place;
    } open[CONFIG_FILES_DEEP + 1];
    unsigned depth;
    bool may_include;
    size_t octets; /* of all files so far */
    struct buf text;
};

/* Begins with the octets of a text, or with a file. False with a complaint. */
bool config_lexer_text(struct config_lexer *lexer, struct loader *l, struct span text);
bool config_lexer_file(struct config_lexer *lexer, struct loader *l);

/* Puts the file's tokens before those that follow; a relative name counts from the folder of the file that
 * includes it. */
bool config_lexer_include(struct config_lexer *lexer, struct span name, struct config_place place);

void config_lexer_next(struct config_lexer *lexer, struct config_token *token);
void config_lexer_done(struct config_lexer *lexer);

/* ---- what the file says ---- */

/* An option that is set. */
struct config_value {
    const struct config_option *option;
    struct config_value *next;
    struct config_place place;
    const char *const *items; /* its texts or words, closed by NULL; what is no list has one */
    size_t count;
    int64_t number; /* a number, a flag; a word's position in the row's words; words: 1 << position each */
    const uint32_t *ids; /* what the system answered: a user's number; a group's and its members'; NULL: it
                            was not asked */
    size_t id_count;
    bool faulty; /* it was complained of */
};

struct config_section {
    const struct config_option *option;
    const char *title; /* NULL: it has none */
    struct config_section *outer;
    struct config_place place; /* line 0: it is not in the file */
    struct config_value *values, **values_end;
    struct config_section *first, **end, *next; /* sections in it, in the order of the file */
    bool faulty;                                /* something in it was complained of */
    bool broken;                                /* some of it could not be read */
};

/* Reads tokens into a tree that holds to the table, with every section that there is once (limits), whether
 * or not the file has it. Complains of all that it can, and passes over what it can't read; NULL without
 * memory, or after too many complaints. */
struct config_section *config_tree_read(struct loader *l, struct config_lexer *lexer);

/* Puts the values of the configuration that runs in place of those that only a new start can change. */
bool config_keep(struct loader *l, const struct config_section *running);

/* ---- what holds: as set, or the default ----
 * The option must be in the section's table and be of the type. */

/* NULL: it is not set. */
const struct config_value *config_value(const struct config_section *section, const char *option);

int64_t config_number(const struct config_section *section, const char *option);
bool config_flag(const struct config_section *section, const char *option);
/* A text, login or group; NULL: none. */
const char *config_text(const struct config_section *section, const char *option);
/* A word's position among the row's words. */
unsigned config_word(const struct config_section *section, const char *option);
/* Words as bits, 1 << position. */
unsigned config_words(const struct config_section *section, const char *option);
/* A list; returns how many. */
size_t config_list(const struct config_section *section, const char *option, const char *const **items);

/* Whether the option has the same value in both. */
bool config_same(const struct config_section *a, const struct config_section *b,
                 const struct config_option *row);

/* The option's value, or a text, as it stands in a file. */
void config_write_value(struct buf *out, const struct config_section *section,
                        const struct config_option *row);
void config_write_text(struct buf *out, const char *text);

/* The first section of a name in another, and the next of the same name; NULL: there is none. */
struct config_section *config_first(const struct config_section *outer, const char *name);
struct config_section *config_next(const struct config_section *section);
size_t config_count(const struct config_section *outer, const char *name);

/* ---- what the system knows ---- */

/* Asks the system for the users and groups that the tree names, once for each. */
bool config_lookup(struct loader *l);

/* ---- the readers of sections ---- */

bool config_listeners(struct loader *l);
bool config_peers(struct loader *l);
bool config_mts(struct loader *l);

#endif
