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
    if (untaken > 0 || parent->reload.examination || !parent->reload.asked || !parent->reload.answer)
        return;
    parent_answer(parent, parent->reload.asked, parent->reload.answer);
    parent->reload.answer = NULL;
    parent->reload.asked = 0;
}

/* One log line for each line of a report. */
static void log_lines(enum log_level level, const char *before, struct span lines, const char *behind) {
    struct span line;
    while (lines_next(&lines, &line))
        log_write(level, "%s%.*s%s", before, (int)line.len, (const char *)line.data, behind);
}

/* What is found when the configuration is taken is warned of as what the file alone shows. */
static void warn(struct parent *parent, struct span warnings) {
    log_lines(LOG_LEVEL_WARNING, "", warnings, "");
    if (parent->reload.asked)
        manage_add_warnings(parent->reload.answer, warnings);
}

static void take_remarks(struct parent *parent, struct span remarks) {
    struct buf warnings;
    buf_init(&warnings, 0);
    config_add_remarks(parent->config, remarks, &warnings);
    warn(parent, buf_span(&warnings));
    buf_free(&warnings);
}

static void store_examined(void *context, struct span warnings) {
    struct parent *parent = context;
    parent->reload.examination = NULL;
    warn(parent, warnings);
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

/* Work processes are told nothing: a reload plays no part in what they do. */
static bool tell_others(struct parent *parent) {
    bool done = true;
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child->channel && child->kind != KIND_WORK && child->kind != KIND_STORE) {
            done = child_tell_config(child->kind, parent->config, child->channel) && done;
            child->untaken++;
        }
    return done;
}

/* For who waits for an answer and has none yet. Consumed. */
static void set_answer(struct parent *parent, json_t *answer) {
    if (parent->reload.asked && !parent->reload.answer)
        parent->reload.answer = answer;
    else
        json_decref(answer);
}

/* It is in use from now on: the store process has it, or will at its start. */
static void adopt(struct parent *parent) {
    struct config_report *report = &parent->reload.report;
    config_free(parent->config);
    parent->config = parent->reload.next;
    parent->reload.next = NULL;
    log_set_level(parent->config->log_level);
    log_lines(LOG_LEVEL_NOTICE, "reload: ", buf_span(&report->changes), "");
    log_lines(LOG_LEVEL_WARNING, "", buf_span(&report->warnings), "");
    log_lines(LOG_LEVEL_WARNING, "reload: ", buf_span(&report->waiting),
              ": that takes effect when the daemon is restarted");
    set_answer(parent, manage_reloaded(report));
    if (!tell_others(parent))
        log_error("the configuration was not reloaded in all processes: no memory");
    examine_store(parent, report);
    config_report_free(report);
}

/* Nobody has it. */
static void give_up(struct parent *parent, const char *cause) {
    char text[sizeof(struct error) + 160];
    config_free(parent->reload.next);
    parent->reload.next = NULL;
    config_report_free(&parent->reload.report);
    log_error("the configuration was not reloaded: %s", cause);
    snprintf(text, sizeof text, "the configuration was not reloaded, and what ran before goes on: %s", cause);
    set_answer(parent, manage_error("unavailable", text));
}

/* What the store process can't take nobody gets: it may have to read its store for that, which a server can
 * keep from it. */
static void begin(struct parent *parent) {
    struct child *store = parent->children[KIND_STORE];
    struct config_report *report = &parent->reload.report;
    config_report_init(report);
    parent->reload.next = config_read_file(parent->path, parent->config, report, NULL);
    if (!parent->reload.next) {
        log_lines(LOG_LEVEL_ERROR, "the configuration was not reloaded: ", buf_span(&report->complaints), "");
        set_answer(parent, manage_refused(report));
        config_report_free(report);
    } else if (!store->channel) {
        adopt(parent);
    } else if (child_tell_config(KIND_STORE, parent->reload.next, store->channel)) {
        store->untaken++;
    } else {
        give_up(parent, "no memory");
    }
}

/* One has come to its end, perhaps. */
static void go_on(struct parent *parent) {
    parent_answer_reload(parent);
    if (!parent->reload.again || parent->reload.next || parent->stopping)
        return;
    parent->reload.again = false;
    begin(parent);
}

static void take_from_store(struct parent *parent, bool taken, struct span words) {
    char cause[sizeof(struct error) + 40];
    if (taken) {
        adopt(parent);
        take_remarks(parent, words);
        return;
    }
    snprintf(cause, sizeof cause, "the store process does not take it: %.*s", (int)words.len,
             (const char *)words.data);
    give_up(parent, cause);
}

bool parent_take_answer(struct child *child, uint64_t ref, struct span payload) {
    (void)ref;
    struct parent *parent = child->parent;
    struct span words = span_sub(payload, 1, payload.len);
    bool taken = payload.data[0];
    if (child->untaken == 0 || (words.len && child->kind != KIND_STORE))
        return false;
    child->untaken--;
    if (child->kind == KIND_STORE) {
        take_from_store(parent, taken, words);
    } else if (!taken && parent->reload.asked) {
        json_decref(parent->reload.answer);
        parent->reload.answer =
            manage_error("unavailable", "a process could not take the new configuration: see the log");
    }
    go_on(parent);
    return true;
}

void parent_forget_answer(struct child *child) {
    struct parent *parent = child->parent;
    child->untaken = 0;
    if (child->kind == KIND_STORE && parent->reload.next)
        give_up(parent, "the store process ended before it had taken it");
    go_on(parent);
}

bool parent_reload_for(struct parent *parent, uint64_t ref) {
    static const struct timeval most = {.tv_sec = RELOAD_SECONDS};
    if (parent->reload.asked || parent->reload.next)
        return false;
    parent->reload.asked = ref;
    begin(parent);
    event_add(parent->reload.overdue, &most);
    parent_answer_reload(parent);
    return true;
}

void parent_on_reload(evutil_socket_t signal_number, short what, void *arg) {
    struct parent *parent = arg;
    (void)signal_number;
    (void)what;
    if (parent->reload.next)
        parent->reload.again = true;
    else
        begin(parent);
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
             "the others use it%s",
             child_name(child), RELOAD_SECONDS, parent->reload.next ? " then" : "");
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
    if (parent->reload.next)
        config_report_free(&parent->reload.report);
    config_free(parent->reload.next);
    examine_free(parent->reload.examination);
    if (parent->reload.overdue)
        event_free(parent->reload.overdue);
}
