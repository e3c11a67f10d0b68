#include "mhsd/parent_reload.h"

#include <stdio.h>

#include "base/lines.h"
#include "base/log.h"
#include "mhsd/examine.h"
#include "mhsd/manage.h"

/* Whoever asked for a reload is answered by then, also where a process hangs. */
#define RELOAD_SECONDS 60

/* Who is answered: the client of that ref. */
struct asker {
    struct parent *parent;
    uint64_t ref;
};

static void send_managed(void *context, struct span payload) {
    struct asker *asker = context;
    struct ipc_channel *channel = asker->parent->children[KIND_CLIENTS]->channel;
    if (channel)
        ipc_send(channel, IPC_MANAGED, asker->ref, payload, (struct span){NULL, 0});
}

void parent_answer(struct parent *parent, uint64_t ref, json_t *answer) {
    manage_send(answer, send_managed, &(struct asker){parent, ref});
}

void parent_answer_reload(struct parent *parent) {
    unsigned untaken = 0;
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        untaken += child->untaken;
    if (untaken > 0 || parent->reload.examination || !parent->reload.asked)
        return;
    parent_answer(parent, parent->reload.asked, parent->reload.answer);
    parent->reload.answer = NULL;
    parent->reload.asked = 0;
}

/* One log line for each line of a report. */
static void log_lines(enum log_level level, const char *before, const struct buf *lines, const char *behind) {
    struct span rest = buf_span(lines), line;
    while (lines_next(&rest, &line))
        log_write(level, "%s%.*s%s", before, (int)line.len, (const char *)line.data, behind);
}

/* What is found when the configuration is taken is warned of as what the file alone shows. */
static void warn(struct parent *parent, const struct buf *warnings) {
    log_lines(LOG_LEVEL_WARNING, "", warnings, "");
    if (parent->reload.asked)
        manage_add_warnings(parent->reload.answer, warnings);
}

static void take_remarks(struct parent *parent, struct span remarks) {
    struct buf warnings;
    buf_init(&warnings, 0);
    config_add_remarks(parent->config, remarks, &warnings);
    warn(parent, &warnings);
    buf_free(&warnings);
}

bool parent_take_answer(struct child *child, uint64_t ref, struct span payload) {
    (void)ref;
    struct parent *parent = child->parent;
    struct span remarks = span_sub(payload, 1, payload.len);
    if (child->untaken == 0 || (remarks.len && child->kind != KIND_STORE))
        return false;
    child->untaken--;
    take_remarks(parent, remarks);
    if (!payload.data[0] && parent->reload.asked) {
        json_decref(parent->reload.answer);
        parent->reload.answer =
            manage_error("unavailable", "a process could not take the new configuration: see the log");
    }
    parent_answer_reload(parent);
    return true;
}

/* Work processes are told nothing: a reload plays no part in what they do. */
static bool tell_configs(struct parent *parent) {
    bool done = true;
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child->channel && child->kind != KIND_WORK) {
            done = child_tell_config(child->kind, parent->config, child->channel) && done;
            child->untaken++;
        }
    return done;
}

static void store_examined(void *context, struct span warnings) {
    struct parent *parent = context;
    struct buf lines;
    parent->reload.examination = NULL;
    buf_init(&lines, 0);
    buf_append_span(&lines, warnings);
    warn(parent, &lines);
    buf_free(&lines);
    parent_answer_reload(parent);
}

/* Another store is used by the next start alone: what speaks against it is told now. */
static void examine_store(struct parent *parent, const struct config_report *report) {
    examine_free(parent->reload.examination);
    parent->reload.examination = report->waiting.len
                                     ? examine_begin(parent->loop, parent->program, parent->path,
                                                     EXAMINE_MOVED, store_examined, parent)
                                     : NULL;
}

/* True: the new one is in use, or on its way to the processes. */
static bool reload(struct parent *parent, struct config_report *report) {
    struct config *config = config_read_file(parent->path, parent->config, report, NULL);
    if (!config) {
        log_lines(LOG_LEVEL_ERROR, "the configuration was not reloaded: ", &report->complaints, "");
        return false;
    }
    config_free(parent->config);
    parent->config = config;
    log_set_level(config->log_level);
    log_lines(LOG_LEVEL_NOTICE, "reload: ", &report->changes, "");
    log_lines(LOG_LEVEL_WARNING, "", &report->warnings, "");
    log_lines(LOG_LEVEL_WARNING, "reload: ", &report->waiting,
              ": that takes effect when the daemon is restarted");
    if (!tell_configs(parent))
        log_error("the configuration was not reloaded in all processes: no memory");
    examine_store(parent, report);
    return true;
}

void parent_reload_for(struct parent *parent, uint64_t ref) {
    static const struct timeval most = {.tv_sec = RELOAD_SECONDS};
    struct config_report report;
    config_report_init(&report);
    parent->reload.asked = ref;
    bool done = reload(parent, &report);
    parent->reload.answer = done ? manage_reloaded(&report) : manage_refused(&report);
    config_report_free(&report);
    event_add(parent->reload.overdue, &most);
    parent_answer_reload(parent);
}

void parent_on_reload(evutil_socket_t signal_number, short what, void *arg) {
    struct config_report report;
    (void)signal_number;
    (void)what;
    config_report_init(&report);
    reload(arg, &report);
    config_report_free(&report);
}

/* A process hangs, or has too much to do. */
static void on_overdue(evutil_socket_t fd, short what, void *arg) {
    struct parent *parent = arg;
    char text[160];
    struct child_walk walk = {.parent = parent};
    struct child *child = child_next(&walk);
    (void)fd;
    (void)what;
    while (child && !child->untaken)
        child = child_next(&walk);
    if (!parent->reload.asked || !child)
        return;
    snprintf(text, sizeof text,
             "the %s process has not taken the new configuration within %d s: it will when it goes on, and "
             "the others use it",
             child_name(child), RELOAD_SECONDS);
    json_decref(parent->reload.answer);
    parent_answer(parent, parent->reload.asked, manage_error("unavailable", text));
    parent->reload.answer = NULL;
    parent->reload.asked = 0;
}

bool parent_expect_reloads(struct parent *parent) {
    parent->reload.overdue = event_new(parent->loop, -1, 0, on_overdue, parent);
    return parent->reload.overdue;
}

void parent_forget_reload(struct parent *parent) {
    json_decref(parent->reload.answer);
    parent->reload.answer = NULL;
    parent->reload.asked = 0;
}

void parent_end_reloads(struct parent *parent) {
    parent_forget_reload(parent);
    examine_free(parent->reload.examination);
    if (parent->reload.overdue)
        event_free(parent->reload.overdue);
}
