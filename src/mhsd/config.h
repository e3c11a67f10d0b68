/*
 * The configuration file: read by libConfuse, checked, and turned into what
 * each process needs. chasqui.conf(5) describes it; config_options.c has every
 * option with its type and default.
 */
#ifndef MHSD_CONFIG_H
#define MHSD_CONFIG_H

#include "base/error.h"
#include "base/log.h"
#include "mta/mta.h"
#include "protocol/config.h"

struct config {
    struct protocol_config protocol;
    struct mta_config mta;
    const char *socket; /* path of the local socket */
    const char *user;   /* whom the processes run as when they are started by root; NULL: no change */
    unsigned net_processes, reader_processes, work_processes;
    enum log_level log_level;
};

/*
 * Reads a configuration from text; `name` is the file's name for messages. NULL
 * with an error that names file, line and cause. Freed with config_free. Behind
 * an octet of 0 the text may hold what config_read_file found out of the system:
 * then the system is not asked.
 */
struct config *config_read(struct span text, const char *name, struct error *err);

/* Reads the file at `path` and those that it includes. What config_read needs in a process without files is
 * appended to `text` when that is not NULL. */
struct config *config_read_file(const char *path, struct buf *text, struct error *err);

/*
 * Makes `fresh` keep what only a new start can change: store, node, socket,
 * run-as, net-processes, reader-processes,
 * work-processes, listen. Tells of each that differs by `changed`, when
 * that is not NULL. False without memory: `fresh` can't be used.
 */
bool config_keep(struct config *fresh, const struct config *old, void (*changed)(const char *option));

void config_free(struct config *config);

/* Writes a first configuration with comments to `path`, which must not be there yet and which its owner alone
 * can read afterwards; `directory` is for store and socket. */
bool config_write_first(const char *path, const char *directory, struct error *err);

#endif
