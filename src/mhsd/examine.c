#include "mhsd/examine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "mhsd/children.h"
#include "mhsd/sockets.h"
#include "mhsd/spawn.h"
#include "store/place.h"
#include "store/store.h"

/* The first argument of the process that looks, which answers by CHILD_PARENT, a pipe. The second says
 * whether at the users too. */
#define EXAMINE "examine-store"
#define MOVED   "moved"
#define USERS   "users"

/* Remarks are bounded by IPC_REMARKS_MAX; each gets the file's name and a place. */
#define WARNINGS_MOST ((size_t)256 * 1024)

/* A server that does not answer by then is not waited for: the process ends by itself. */
#define EXAMINE_SECONDS 10

struct examination {
    struct event *event;
    int pipe;
    struct buf warnings;
    examine_done *done;
    void *context;
};

void examine_free(struct examination *examination) {
    if (!examination)
        return;
    if (examination->event)
        event_free(examination->event);
    close(examination->pipe);
    buf_free(&examination->warnings);
    mem_free(examination);
}

static void on_answer(evutil_socket_t fd, short what, void *arg) {
    struct examination *examination = arg;
    char text[1024];
    ssize_t got = what & EV_READ ? read(fd, text, sizeof text) : 0;
    if (got > 0) {
        buf_append(&examination->warnings, text, (size_t)got);
        return;
    }
    examination->done(examination->context, buf_span(&examination->warnings));
    examine_free(examination);
}

struct examination *examine_begin(struct event_base *loop, int program, const char *path,
                                  enum examine_what what, examine_done *done, void *context) {
    static const struct timeval most = {.tv_sec = EXAMINE_SECONDS};
    char *arguments[] = {"mhsd", EXAMINE, what == EXAMINE_USERS ? USERS : MOVED, (char *)path, NULL};
    int ends[2];
    struct examination *examination = mem_alloc(sizeof *examination);
    if (!examination || pipe2(ends, O_CLOEXEC) != 0) {
        mem_free(examination);
        return NULL;
    }
    *examination = (struct examination){.pipe = ends[0], .done = done, .context = context};
    buf_init(&examination->warnings, WARNINGS_MOST);
    examination->event = event_new(loop, ends[0], EV_READ | EV_PERSIST, on_answer, examination);
    int end = ends[1];
    bool begun = examination->event && event_add(examination->event, &most) == 0 &&
                 spawn(program, arguments, &end, 1) > 0;
    close(ends[1]);
    if (begun)
        return examination;
    examine_free(examination);
    return NULL;
}

/* ---- the process that looks ---- */

bool examine_is_asked(int argc, char **argv) {
    struct stat status;
    return argc == 4 && strcmp(argv[1], EXAMINE) == 0 && fstat(CHILD_PARENT, &status) == 0 &&
           S_ISFIFO(status.st_mode);
}

static bool tell(struct span text) {
    while (text.len) {
        ssize_t written = write(CHILD_PARENT, text.data, text.len);
        if (written <= 0)
            return false;
        text = span_sub(text, (size_t)written, text.len);
    }
    return true;
}

/* Root may start a daemon that another user has started now, and may do more. A server that is away is asked
 * again by a start. */
static void warn(const struct config *config, const char *option, const struct error *err, bool root,
                 struct buf *warnings) {
    char where[4200];
    const char *what = err->code == EACCES && !root ? "a start by the same user would be refused"
                       : err->code == STORE_IO      ? "the next start could not serve"
                                                    : "the next start would be refused";
    config_where(config, option, where, sizeof where);
    buf_printf(warnings, "%s %s: %s\n", where, what, err->text);
}

/* What a new start would do before anything else. */
static bool look_at_folders(const struct config *config, bool root, struct buf *warnings) {
    struct error socket = {0}, store = {0};
    if (!sockets_may_serve(config->socket, &socket))
        warn(config, "socket", &socket, root, warnings);
    bool may_use = child_may_use_store(config, &store);
    if (!may_use)
        warn(config, "store", &store, root, warnings);
    return may_use;
}

/* What is there. A crash may have left it so that a writer alone can look: a start does. */
static bool look_at_store(const struct config *config, struct buf *warnings) {
    struct error err = {0};
    bool read = store_examine(config->mta.store_place, &err);
    if (!read && (err.code == STORE_VERSION || err.code == STORE_CORRUPT ||
                  (err.code == STORE_NOT_FOUND && !config->create_store)))
        warn(config, "store", &err, true, warnings);
    return read;
}

int examine_run(char **argv) {
    struct error err = {0};
    struct buf remarks, warnings;
    struct config *config = config_read_file(argv[3], NULL, NULL, &err);
    alarm(EXAMINE_SECONDS);
    buf_init(&remarks, 0);
    buf_init(&warnings, WARNINGS_MOST);
    if (config && look_at_folders(config, geteuid() == 0, &warnings) && look_at_store(config, &warnings)) {
        bool read = mta_examine_users(&config->mta, &remarks, &err);
        if (!read && err.code == STORE_MOVED)
            buf_printf(&warnings, "%s\n", err.text);
        else if (read && strcmp(argv[2], USERS) == 0)
            config_add_remarks(config, buf_span(&remarks), &warnings);
    }
    bool told = tell(buf_span(&warnings));
    buf_free(&remarks);
    buf_free(&warnings);
    config_free(config);
    return !told;
}
