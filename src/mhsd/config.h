/*
 * The configuration file: read, checked against the table of options
 * (config_options.h), and turned into what each process needs.
 * chasqui.conf(5), which is made from the same table, describes it.
 */
#ifndef MHSD_CONFIG_H
#define MHSD_CONFIG_H

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "clients/clients.h"
#include "ipc/sandbox.h"
#include "mhsd/config_options.h"
#include "mta/mta.h"
#include "protocol/config.h"

struct config {
    struct clients_config clients;
    struct protocol_config protocol;
    struct mta_config mta;
    const char *socket; /* path of the local socket */
    bool create_store;  /* an empty one where there is none */
    const char *user;   /* whom the processes run as when they are started by root; NULL: no change */
    unsigned net_processes, reader_processes, work_processes;
    enum log_level log_level;
    enum sandbox_level sandbox;
};

/* What a reading has to say, in lines; the caller frees the buffers. */
struct config_report {
    struct buf complaints; /* all that is wrong, the first of which is the error too */
    struct buf warnings;   /* of a right one: what can't work all the same, or does nothing; a line each */
    struct buf changes;    /* what differs from the configuration that runs */
    struct buf waiting;    /* the same of what takes effect only when the daemon is restarted */
};
void config_report_init(struct config_report *report);
void config_report_free(struct config_report *report);

/*
 * Reads a configuration from text, which includes no files; `name` is the file's
 * name for messages. NULL with an error that names file, line, option, value and
 * what is allowed. Freed with config_free.
 */
struct config *config_read(struct span text, const char *name, struct error *err);

/*
 * Reads the file at `path` and those that it includes. With `running`, as a
 * reload does: what only a new start can change keeps the value that it has
 * there. `report` may be NULL.
 */
struct config *config_read_file(const char *path, const struct config *running, struct config_report *report,
                                struct error *err);

/*
 * Appends the part of the configuration that a kind of process needs: text in
 * the file's own syntax, with the options that the table grants to it and no
 * others, and what the system answered about users and groups. False without
 * memory, or when the buffer's limit is too small.
 */
bool config_slice(const struct config *config, enum config_process kind, struct buf *out);

/* Reads such a slice, in a process that need not reach any file. What the kind does not get has its default.
 */
struct config *config_read_slice(struct span slice, enum config_process kind, struct error *err);

/* Where an option of the top level stands in the file that was read, before what is said of it: `FILE: line
 * N:`, or `FILE:` when it is not set. */
void config_where(const struct config *config, const char *option, char *where, size_t size);

/* Appends what the store process remarked on the configuration (IPC_CONFIG_TAKEN) to warnings, with file and
 * line; of the many how many more there are. */
void config_add_remarks(const struct config *config, struct span remarks, struct buf *warnings);

/* Tells of each option and section that differs, as set or by default, with a line for people; values that
 * are secret are not in it. False without memory: not all was told. */
bool config_changes(const struct config *old, const struct config *fresh,
                    void (*tell)(void *context, const struct config_option *row, const char *line),
                    void *context);

/* One option as it holds. `section` is where it stands, as `peer "BETA"`, or "" at the top; `value` as in a
 * file, NULL when it is a secret. */
struct config_shown {
    const struct config_option *row;
    const char *section;
    const char *text;         /* the value as in a file; NULL: it is a secret, and nothing of it is told */
    int64_t number;           /* of a number or flag */
    const char *const *items; /* of a list, closed by NULL; of what else is text its one, or none */
    bool set;                 /* in the file; else it is the default */
};

struct config_showing {
    /* Whether the options of the top level of that name, or of the sections of that kind, are shown; asked
     * of each that there is, with its title where it has one. NULL: all are. */
    bool (*wants)(void *context, const char *name, const char *title);
    /* False: no more. */
    bool (*tell)(void *context, const struct config_shown *shown);
    void *context;
};

/* Tells of the options with their values, of each once. False without memory. */
bool config_show(const struct config *config, const struct config_showing *calls);

void config_free(struct config *config);

/* The paths that a first configuration names. */
struct config_places {
    const char *store, *socket;
};

/* Writes a first configuration to `path`, which must not be there yet and which its owner alone can read
 * afterwards: what is to be set, then every other option with its default; `user` is whom to run as (NULL: no
 * change). */
bool config_write_first(const char *path, const struct config_places *places, const char *user,
                        struct error *err);

#endif
