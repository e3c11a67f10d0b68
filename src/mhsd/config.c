#include "mhsd/config.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "directory/directory.h"
#include "mhsd/config_private.h"
#include "store/place.h"

/* ---- the top level ---- */

static void read_limits(struct loader *l) {
    const struct config_section *limits = config_first(l->tree, "limits");
    struct mta_limits *mta = &l->config.mta.limits;
    struct protocol_config *protocol = &l->config.protocol;
    protocol->connections_max = (unsigned)config_number(limits, "connections");
    protocol->opening_max = (unsigned)config_number(limits, "opening");
    l->config.clients.clients_max = (unsigned)config_number(limits, "clients");
    l->config.clients.clients_per_user = (unsigned)config_number(limits, "clients-per-user");
    protocol->envelope_octets = (size_t)config_number(limits, "envelope-octets");
    mta->associations_in = (unsigned)config_number(limits, "associations-in");
    mta->associations_users = (unsigned)config_number(limits, "associations-users");
    mta->associations_of_user = (unsigned)config_number(limits, "associations-per-user");
    mta->envelope_octets = protocol->envelope_octets;
    mta->envelope_memory = (size_t)config_number(limits, "envelope-memory");
    mta->content_octets = (uint64_t)config_number(limits, "content-octets");
    mta->batch_octets = (uint64_t)config_number(limits, "batch-octets");
    mta->mailbox_octets = (uint64_t)config_number(limits, "mailbox-octets");
    mta->submission_octets = (uint64_t)config_number(limits, "submission-octets");
    mta->leftovers = (unsigned)config_number(limits, "resumable");
    mta->leftover_octets = (uint64_t)config_number(limits, "resumable-octets");
    mta->names = (unsigned)config_number(limits, "resumable-names");
    mta->requests = (unsigned)config_number(limits, "requests");
    mta->gather_us = (unsigned)config_number(limits, "gather-us");
    mta->relax_bounds = config_flag(limits, "relax-bounds");
}

static void read_timers(struct loader *l) {
    const struct config_section *timers = config_first(l->tree, "timers");
    struct protocol_config *protocol = &l->config.protocol;
    struct mta_limits *mta = &l->config.mta.limits;
    protocol->connect_us = config_number(timers, "connect") * 1000000;
    protocol->transfer_us = config_number(timers, "transfer") * 1000000;
    protocol->release_us = config_number(timers, "release") * 1000000;
    protocol->stop_us = config_number(timers, "stop") * 1000000;
    mta->stop_seconds = (unsigned)config_number(timers, "stop");
    mta->repeat_seconds = (unsigned)config_number(timers, "repeat-keys");
    mta->resume_seconds = (unsigned)config_number(timers, "resume");
    mta->track_seconds = (unsigned)config_number(timers, "tracking");
    mta->kept_seconds = (unsigned)config_number(timers, "submitted");
}

/* Who may act as an operator: the members of a group. */
static void read_operators(struct loader *l) {
    struct mta_config *mta = &l->config.mta;
    struct clients_config *clients = &l->config.clients;
    const struct config_value *group = config_value(l->tree, "operators");
    mta->operators_gid = clients->operators_gid = UINT32_MAX;
    if (!group || !group->ids)
        return;
    mta->operators_gid = group->ids[0];
    mta->operator_uids = group->ids + 1;
    mta->operator_uid_count = group->id_count - 1;
    clients->operators_gid = mta->operators_gid;
    clients->operator_uids = mta->operator_uids;
    clients->operator_uid_count = mta->operator_uid_count;
}

static void read_processes(struct loader *l) {
    struct config *config = &l->config;
    const struct config_value *run_as = config_value(l->tree, "run-as");
    config->mta.service_uid = geteuid();
    if (run_as && run_as->ids) { /* root starts the daemon */
        config->user = run_as->items[0];
        config->mta.service_uid = run_as->ids[0];
    }
    config->clients.service_uid = config->mta.service_uid;
    config->log_level = (enum log_level)config_word(l->tree, "log-level");
    config->sandbox = (enum sandbox_level)config_word(l->tree, "sandbox");
    config->net_processes = (unsigned)config_number(l->tree, "net-processes");
    config->reader_processes = (unsigned)config_number(l->tree, "reader-processes");
    config->clients.reader_count = config->reader_processes;
    config->mta.readers = config->protocol.readers = config->reader_processes > 0;
    config->work_processes = (unsigned)config_number(l->tree, "work-processes");
}

/* It stands in MTS-identifiers, between dots. */
static bool check_node(struct loader *l) {
    const char *node = l->config.mta.node;
    for (const char *c = node; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-')
            return config_fail(l, l->tree, "node",
                               "'%.10s' has other characters than letters, digits and '-'", node);
    return true;
}

/* A password in the place would be shown with it. */
static bool read_store_place(struct loader *l) {
    struct mta_config *mta = &l->config.mta;
    const char *password = config_text(l->tree, "store-password");
    struct error err = {0};
    mta->store = mta->store_place = config_text(l->tree, "store");
    if (!mta->store)
        return true;
    if (!store_is_place(mta->store, &err))
        return config_fail(l, l->tree, "store", "%s", err.text);
    char *shown = store_public_place(mta->store),
         *place = password ? store_secret_place(mta->store, password) : NULL;
    bool ok = shown || config_no_memory(l);
    if (ok && strcmp(shown, mta->store) != 0)
        ok = config_fail(l, l->tree, "store",
                         "this is no URI of a database, or a password stands in it, where it would be shown; "
                         "give it with 'store-password'");
    else if (password && !place)
        ok = config_fail(l, l->tree, "store-password", "only a store in a server has a password");
    else if (place) {
        struct span copy = arena_dup(&l->arena, span_of(place, strlen(place) + 1));
        mta->store_place = (const char *)copy.data;
        ok = copy.data || config_no_memory(l);
    }
    mem_free(shown);
    mem_free(place);
    return ok;
}

static bool read_identity(struct loader *l) {
    struct config *config = &l->config;
    config->mta.node = config_text(l->tree, "node");
    bool placed = read_store_place(l);
    config->socket = config_text(l->tree, "socket");
    config->create_store = config_flag(l->tree, "create-store");
    return check_node(l) && placed;
}

/* All that can be said of the file is said. */
static bool read_all(struct loader *l) {
    bool sound = config_sound(l), ok = config_lookup(l);
    ok = read_identity(l) && ok;
    read_processes(l);
    read_operators(l);
    read_limits(l);
    read_timers(l);
    ok = config_listeners(l) && ok;
    ok = config_peers(l) && ok;
    if (l->processes & (CONFIG_STORE | CONFIG_READER))
        ok = config_mts(l) && ok;
    return ok && sound;
}

/* ---- reading ---- */

static struct loader *new_loader(const char *name, unsigned processes, struct error *err) {
    struct loader *l = mem_alloc(sizeof *l);
    if (!l) {
        error_set(err, ENOMEM, "%s: no memory for the configuration", name);
        return NULL;
    }
    l->processes = processes;
    l->name = name;
    l->files = &l->name;
    l->file_count = 1;
    l->err = err;
    arena_init(&l->arena, (size_t)1 << 30);
    return l;
}

static void tell_change(void *context, const struct config_option *row, const char *line) {
    struct config_report *report = context;
    if (row->flags & CONFIG_RESTART)
        buf_printf(&report->waiting, "%s\n", line);
    else
        buf_printf(&report->changes, "%s\n", line);
}

/* What `running` has and only a new start changes takes the place of what the file has. */
static bool keep(struct loader *l, const struct config *running, struct config_report *report) {
    if (report && !config_changes(running, &l->config, tell_change, report))
        return config_no_memory(l);
    return config_keep(l, ((const struct loader *)running)->tree);
}

/* Frees the loader when it does not succeed. */
static struct config *finish(struct loader *l, struct config_lexer *lexer, bool begun,
                             const struct config *running, struct config_report *report) {
    l->tree = begun ? config_tree_read(l, lexer) : NULL;
    config_lexer_done(lexer);
    if (l->tree && lexer->may_include) /* it is of files; before values of other ones are kept */
        config_advise_on_secrets(l);
    bool done = l->tree && (!running || !config_sound(l) || keep(l, running, report)) && read_all(l);
    config_tell(l, report);
    l->err = NULL;
    if (done)
        return &l->config;
    config_free(&l->config);
    return NULL;
}

static struct config *read_text(struct span text, const char *name, unsigned processes, struct error *err) {
    struct config_lexer lexer;
    struct loader *l = new_loader(name, processes, err);
    return l ? finish(l, &lexer, config_lexer_text(&lexer, l, text), NULL, NULL) : NULL;
}

struct config *config_read(struct span text, const char *name, struct error *err) {
    return read_text(text, name, CONFIG_ALL, err);
}

struct config *config_read_slice(struct span slice, enum config_process kind, struct error *err) {
    return read_text(slice, "the configuration", kind, err);
}

static struct config *read_file(const char *path, const struct config *running, struct config_report *report,
                                struct error *err) {
    struct config_lexer lexer;
    struct loader *l = new_loader(path, CONFIG_ALL, err);
    return l ? finish(l, &lexer, config_lexer_file(&lexer, l), running, report) : NULL;
}

/* What waits for a new start was not looked at beyond its form: the start would refuse it, maybe at night. */
static bool would_start(const char *path, struct config_report *report, struct error *err) {
    struct config_report alone;
    config_report_init(&alone);
    struct config *config = read_file(path, NULL, &alone, err);
    buf_append_span(&report->complaints, buf_span(&alone.complaints));
    config_free(config);
    config_report_free(&alone);
    return config != NULL;
}

struct config *config_read_file(const char *path, const struct config *running, struct config_report *report,
                                struct error *err) {
    struct config *config = read_file(path, running, report, err);
    if (!config || !report || !report->waiting.len || would_start(path, report, err))
        return config;
    config_free(config);
    return NULL;
}

void config_free(struct config *config) {
    if (!config)
        return;
    struct loader *l = (struct loader *)config;
    mts_tables_free(l->tables);
    directory_free(l->config.mta.directory);
    arena_free(&l->arena);
    mem_free(l);
}

void config_report_init(struct config_report *report) {
    buf_init(&report->complaints, 0);
    buf_init(&report->warnings, 0);
    buf_init(&report->changes, 0);
    buf_init(&report->waiting, 0);
}

void config_report_free(struct config_report *report) {
    buf_free(&report->complaints);
    buf_free(&report->warnings);
    buf_free(&report->changes);
    buf_free(&report->waiting);
}
