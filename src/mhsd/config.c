#include "mhsd/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "directory/directory.h"
#include "ipc/frames.h"
#include "mhsd/config_options.h"
#include "mhsd/config_private.h"
#include "mhsd/config_source.h"

/* ---- errors ---- */

bool config_fail(struct loader *l, cfg_t *section, const char *option, const char *format, ...) {
    char text[200], place[300], name[120] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *title = section == l->cfg ? NULL : cfg_title(section);
    struct source_section where = {section->name, title, section->line};
    int line = source_option_line(l->text, section == l->cfg ? NULL : &where, option);
    if (line)
        source_place(l->text, l->file, line, sizeof place, place);
    else
        snprintf(place, sizeof place, "%s", l->file);
    if (section != l->cfg)
        snprintf(name, sizeof name, "%s%s%.60s%s: ", section->name, title ? " \"" : "", title ? title : "",
                 title ? "\"" : "");
    return error_set(l->err, EINVAL, "%s: %s%s%s%s", place, name, option ? option : "", option ? ": " : "",
                     text);
}

/* libConfuse tells of errors by this call, without a context of ours: the reading is not reentrant. */
static struct loader *parsing;

static void on_parse_error(cfg_t *cfg, const char *format, va_list args) {
    char text[160];
    vsnprintf(text, sizeof text, format, args);
    if (strstr(text, CONFIG_END))
        snprintf(text, sizeof text, "a section, list or string is not closed before the end of the file");
    char place[300];
    if (parsing->err && parsing->err->code == 0)
        error_set(parsing->err, EINVAL, "%s: %s",
                  source_place(parsing->text, parsing->file, cfg ? cfg->line : 0, sizeof place, place), text);
}

/* ---- values ---- */

void *config_array(struct loader *l, size_t count, size_t size) {
    void *array = arena_array(&l->arena, count ? count : 1, size);
    if (!array)
        error_set(l->err, ENOMEM, "%s: no memory for the configuration", l->file);
    return array;
}

bool config_strings(struct loader *l, cfg_t *section, const char *option, const char *const **items,
                    size_t *count) {
    *count = cfg_size(section, option);
    *items = NULL;
    if (*count == 0)
        return true;
    const char **strings = config_array(l, *count, sizeof *strings);
    if (!strings)
        return false;
    for (size_t i = 0; i < *count; i++)
        strings[i] = cfg_getnstr(section, option, (unsigned)i);
    *items = strings;
    return true;
}

bool config_number(struct loader *l, cfg_t *section, const char *option, long least, long most, long *value) {
    *value = cfg_getint(section, option);
    if (*value < least || *value > most)
        return config_fail(l, section, option, "%ld is not between %ld and %ld", *value, least, most);
    return true;
}

static int position_of(const char *word, const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

static bool unknown_word(struct loader *l, cfg_t *section, const char *option, const char *word,
                         const char *const *words) {
    char known[160] = "";
    for (int i = 0; words[i]; i++) {
        strncat(known, i ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, words[i], sizeof known - strlen(known) - 1);
    }
    return config_fail(l, section, option, "'%.40s' is not one of: %s", word, known);
}

bool config_word(struct loader *l, cfg_t *section, const char *option, const char *const *words,
                 int *position) {
    const char *word = cfg_getstr(section, option);
    *position = position_of(word ? word : "", words);
    return *position >= 0 || unknown_word(l, section, option, word ? word : "", words);
}

bool config_words(struct loader *l, cfg_t *section, const char *option, const char *const *words,
                  unsigned *bits) {
    *bits = 0;
    for (unsigned i = 0; i < cfg_size(section, option); i++) {
        const char *word = cfg_getnstr(section, option, i);
        int position = position_of(word, words);
        if (position < 0)
            return unknown_word(l, section, option, word, words);
        *bits |= 1u << position;
    }
    return true;
}

/* ---- the top level ---- */

static bool read_limits(struct loader *l) {
    cfg_t *limits = cfg_getsec(l->cfg, "limits");
    struct mta_limits *mta = &l->config.mta.limits;
    struct protocol_config *protocol = &l->config.protocol;
    long connections, opening, clients, in, envelope, memory, content, mailbox, submission, requests, gather;
    if (!config_number(l, limits, "connections", 1, 1000000, &connections) ||
        !config_number(l, limits, "opening", 1, 1000000, &opening) ||
        !config_number(l, limits, "clients", 1, 100000, &clients) ||
        !config_number(l, limits, "associations-in", 1, 1000000, &in) ||
        !config_number(l, limits, "envelope-octets", 1024, IPC_ENVELOPE_MAX, &envelope) ||
        !config_number(l, limits, "envelope-memory", 65536, 1L << 34, &memory) ||
        !config_number(l, limits, "content-octets", 0, INT64_MAX, &content) ||
        !config_number(l, limits, "mailbox-octets", 0, INT64_MAX, &mailbox) ||
        !config_number(l, limits, "submission-octets", 0, INT64_MAX, &submission) ||
        !config_number(l, limits, "requests", 1, 1000000, &requests) ||
        !config_number(l, limits, "gather-us", 0, 1000000, &gather))
        return false;
    protocol->connections_max = (unsigned)connections;
    protocol->opening_max = (unsigned)opening;
    protocol->clients_max = (unsigned)clients;
    protocol->envelope_octets = (size_t)envelope;
    mta->associations_in = (unsigned)in;
    mta->envelope_octets = (size_t)envelope;
    mta->envelope_memory = (size_t)memory;
    mta->content_octets = (uint64_t)content;
    mta->mailbox_octets = (uint64_t)mailbox;
    mta->submission_octets = (uint64_t)submission;
    mta->requests = (unsigned)requests;
    mta->gather_us = (unsigned)gather;
    mta->relax_bounds = cfg_getbool(limits, "relax-bounds");
    return true;
}

static bool read_timers(struct loader *l) {
    cfg_t *timers = cfg_getsec(l->cfg, "timers");
    struct protocol_config *protocol = &l->config.protocol;
    long connect, transfer, release, repeat, resume, tracking;
    if (!config_number(l, timers, "connect", 1, 86400, &connect) ||
        !config_number(l, timers, "transfer", 1, 86400, &transfer) ||
        !config_number(l, timers, "release", 1, 86400, &release) ||
        !config_number(l, timers, "repeat-keys", 60, INT32_MAX, &repeat) ||
        !config_number(l, timers, "resume", 0, INT32_MAX, &resume) ||
        !config_number(l, timers, "tracking", 60, INT32_MAX, &tracking))
        return false;
    protocol->connect_us = connect * 1000000;
    protocol->transfer_us = transfer * 1000000;
    protocol->release_us = release * 1000000;
    l->config.mta.limits.repeat_seconds = (unsigned)repeat;
    l->config.mta.limits.resume_seconds = (unsigned)resume;
    l->config.mta.limits.track_seconds = (unsigned)tracking;
    return true;
}

/* Who may act as an operator: the members of a group, looked up before the sandbox closes the file system. */
static bool read_operators(struct loader *l) {
    const char *name = cfg_getstr(l->cfg, "operators");
    struct mta_config *mta = &l->config.mta;
    mta->operators_gid = UINT32_MAX;
    struct lookup_group group;
    if (!name)
        return true;
    if (!lookup_group(l, name, &group))
        return config_fail(l, l->cfg, "operators", "there is no group '%s'; create it (groupadd --system %s)",
                           name, name);
    mta->operators_gid = group.gid;
    mta->operator_uids = group.uids;
    mta->operator_uid_count = group.count;
    struct protocol_config *protocol = &l->config.protocol;
    protocol->operators_gid = group.gid;
    protocol->operator_uids = group.uids;
    protocol->operator_uid_count = group.count;
    return true;
}

static bool read_process(struct loader *l) {
    struct config *config = &l->config;
    long net_processes, reader_processes, work_processes;
    config->user = cfg_getstr(l->cfg, "run-as");
    config->mta.service_uid = geteuid();
    if (!config->user || !*config->user || (!l->answers && geteuid() != 0))
        config->user = NULL;
    if (config->user && !lookup_user(l, config->user, &config->mta.service_uid)) {
        if (!l->answers)
            return config_fail(l, l->cfg, "run-as",
                               "there is no user '%s'; create it (useradd --system %s), or name another",
                               config->user, config->user);
        config->user = NULL; /* the parent is not root, and did not ask */
    }
    if (!log_level_parse(cfg_getstr(l->cfg, "log-level"), &config->log_level))
        return config_fail(l, l->cfg, "log-level", "it is one of error, warning, notice, info, debug");
    if (!config_number(l, l->cfg, "net-processes", 1, 64, &net_processes) ||
        !config_number(l, l->cfg, "reader-processes", 0, 64, &reader_processes))
        return false;
    config->net_processes = (unsigned)net_processes;
    config->reader_processes = (unsigned)reader_processes;
    if (!config_number(l, l->cfg, "work-processes", 1, 64, &work_processes))
        return false;
    config->work_processes = (unsigned)work_processes;
    return true;
}

static bool read_identity(struct loader *l) {
    struct config *config = &l->config;
    const char *name = cfg_getstr(l->cfg, "mta-name");
    if (!name || !*name || strlen(name) > 32)
        return config_fail(l, l->cfg, "mta-name", "give this MTA a name of 1 to 32 characters");
    config->protocol.mta_name = span_str(name);
    config->mta.node = cfg_getstr(l->cfg, "node");
    if (!*config->mta.node || strlen(config->mta.node) > 10)
        return config_fail(l, l->cfg, "node", "it has 1 to 10 letters, digits or '-'");
    config->mta.store_directory = cfg_getstr(l->cfg, "store");
    config->socket = cfg_getstr(l->cfg, "socket");
    if (!*config->mta.store_directory)
        return config_fail(l, l->cfg, "store", "name the folder where messages rest");
    if (!*config->socket)
        return config_fail(l, l->cfg, "socket", "name the Unix socket where 'mhs' reaches the daemon");
    return strlen(config->socket) < sizeof((struct sockaddr_un *)NULL)->sun_path ||
           config_fail(l, l->cfg, "socket", "a Unix socket's name has at most %zu octets",
                       sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
}

static bool read_all(struct loader *l) {
    return read_identity(l) && read_process(l) && read_operators(l) && read_limits(l) && read_timers(l) &&
           config_listeners(l) && config_peers(l) && config_mts(l);
}

/* libConfuse takes the end of the file for the end of all sections: an option that only the top level knows
 * shows one that is open. */
static bool parse(struct loader *l) {
    char *copy = arena_printf(&l->arena, "%.*s\n" CONFIG_END " = true\n", (int)l->text.len,
                              (const char *)l->text.data);
    l->cfg = cfg_init(config_options, CFGF_NONE);
    if (!l->cfg || !copy)
        return error_set(l->err, ENOMEM, "%s: no memory for the configuration", l->file);
    source_blank_comments(copy);
    cfg_set_error_function(l->cfg, on_parse_error);
    parsing = l;
    bool ok = cfg_parse_buf(l->cfg, copy) == CFG_SUCCESS;
    parsing = NULL;
    if (ok && !cfg_getbool(l->cfg, CONFIG_END))
        return error_set(l->err, EINVAL,
                         "%s: a section, list or string is not closed before the end of the file", l->file);
    if (!ok && l->err && l->err->code == 0)
        error_set(l->err, EINVAL, "%s: it can't be read", l->file);
    return ok;
}

/* The text up to an octet of 0; the answers behind it end with one, too. */
static bool take_text(struct loader *l, struct span text) {
    const uint8_t *end = text.len ? memchr(text.data, '\0', text.len) : NULL;
    l->text = span_sub(text, 0, end ? (size_t)(end - text.data) : text.len);
    if (!end)
        return true;
    l->answers = arena_printf(&l->arena, "%.*s", (int)(text.len - l->text.len - 1), (const char *)end + 1);
    return l->answers || error_set(l->err, ENOMEM, "%s: no memory for the configuration", l->file);
}

static struct config *read_config(struct span text, const char *name, struct buf *record, struct error *err) {
    struct error own = {0};
    struct loader *l = mem_alloc(sizeof *l);
    if (!l) {
        error_set(err, ENOMEM, "%s: no memory for the configuration", name);
        return NULL;
    }
    l->file = name;
    l->record = record;
    l->err = err ? err : &own;
    *l->err = (struct error){0};
    arena_init(&l->arena, (size_t)256 * 1024 * 1024);
    bool done = take_text(l, text) && parse(l) && read_all(l);
    l->err = NULL;
    l->record = NULL;
    l->text = (struct span){NULL, 0};
    if (done)
        return &l->config;
    config_free(&l->config);
    return NULL;
}

struct config *config_read(struct span text, const char *name, struct error *err) {
    return read_config(text, name, NULL, err);
}

struct config *config_read_file(const char *path, struct buf *text, struct error *err) {
    struct buf source, record;
    buf_init(&source, IPC_CONFIG_FILES);
    buf_init(&record, IPC_CONFIG_FILES);
    struct config *config =
        source_read(path, &source, err) ? read_config(buf_span(&source), path, &record, err) : NULL;
    if (config &&
        (record.failed || (text && (!buf_append_span(text, buf_span(&source)) || !buf_append_byte(text, 0) ||
                                    !buf_append_span(text, buf_span(&record)))))) {
        error_set(err, EFBIG, "%s: there is no memory, or more than %zu octets of names to look up", path,
                  IPC_CONFIG_FILES);
        config_free(config);
        config = NULL;
    }
    buf_free(&source);
    buf_free(&record);
    return config;
}

void config_free(struct config *config) {
    if (!config)
        return;
    struct loader *l = (struct loader *)config;
    mts_tables_free(l->tables);
    directory_free(l->config.mta.directory);
    if (l->cfg)
        cfg_free(l->cfg);
    arena_free(&l->arena);
    mem_free(l);
}

/* ---- the first configuration ---- */

static const char first_configuration[] =
    "# The configuration of Chasqui; chasqui.conf(5) describes every option.\n"
    "# Check it with: mhsd -t -c THIS-FILE\n"
    "\n"
    "# The name of this MTA, and the management domain it belongs to.\n"
    "mta-name = \"LOCAL-MTA\"\n"
    "domain = \"/C=XX/A= /P=LOCAL\"\n"
    "\n"
    "# Where messages rest, and where 'mhs' reaches the daemon.\n"
    "store = \"%s/store\"\n"
    "socket = \"%s/mhsd.sock\"\n"
    "\n"
    "# The user to run as when the daemon is started by root; empty: stay what you are.\n"
    "run-as = \"\"\n"
    "\n"
    "# Where P1 associations are accepted: presentation addresses (RFC 1278), "
    "\"T-selector\"/Internet=host+port.\n"
    "# Port 102 is the standard one and needs root.\n"
    "listen = { \"Internet=127.0.0.1+10102\" }\n"
    "\n"
    "# Who has a mailbox here. 'login' lets that local user read it; more users: mhs user add.\n"
    "user \"/C=XX/A= /P=LOCAL/S=POSTMASTER\" { }\n"
    "\n"
    "# A neighbour MTA, and what is sent to it. Remove the '#' and fill in what you agreed with its "
    "operator.\n"
    "# peer BETA {\n"
    "#     address = { \"\\\"P1\\\"/Internet=192.0.2.7+102\" }\n"
    "#     mta-name = \"BETA-MTA\"        # as it gives it when it calls\n"
    "#     password = \"its secret\"\n"
    "#     our-password = \"our secret\"\n"
    "#     domain = \"/C=DE/A=VIAT/P=BETA\"\n"
    "# }\n"
    "# route \"/C=DE/A=VIAT/P=BETA\" { next-hop BETA { } }\n";

bool config_write_first(const char *path, const char *directory, struct error *err) {
    FILE *file = fopen(path, "wxe");
    if (!file || fchmod(fileno(file), 0600) != 0) { /* passwords will stand in it */
        error_set(err, errno, "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return false;
    }
    int written = fprintf(file, first_configuration, directory, directory);
    if (fclose(file) != 0 || written < 0)
        return error_set(err, errno, "%s: %s", path, strerror(errno));
    return true;
}
