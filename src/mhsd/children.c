#include "mhsd/children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "ipc/payload.h"
#include "ipc/sandbox.h"
#include "mhsd/config.h"
#include "mhsd/sockets.h"
#include "mhsd/spawn.h"
#include "protocol/net.h"
#include "security/password.h"
#include "store/place.h"
#include "store/store.h"
#include "store/thread.h"
#include "work/work.h"

struct child_context {
    struct config *config; /* what the daemon was started with */
    int number;            /* among those of the kind */
};

/* ---- reload: the parent sends the process's slice ---- */

static struct config *read_anew(enum config_process kind, struct span slice, struct error *err) {
    struct config *config = config_read_slice(slice, kind, err);
    if (config)
        log_set_level(config->log_level);
    return config;
}

/* The first one stays: what it names is in use to the end. */
static void let_go(const struct child_context *child, struct config *old) {
    if (old != child->config)
        config_free(old);
}

static const struct mta_config *read_store(void *context, struct span slice, struct error *err) {
    (void)context;
    struct config *config = read_anew(CONFIG_STORE, slice, err);
    return config ? &config->mta : NULL;
}

static const struct mta_config *read_reader(void *context, struct span slice, struct error *err) {
    (void)context;
    struct config *config = read_anew(CONFIG_READER, slice, err);
    return config ? &config->mta : NULL;
}

static void release_mta(void *context, const struct mta_config *old) {
    let_go(context, (struct config *)((char *)old - offsetof(struct config, mta)));
}

static const struct protocol_config *read_protocol(void *context, struct span slice, struct error *err) {
    (void)context;
    struct config *config = read_anew(CONFIG_NET, slice, err);
    return config ? &config->protocol : NULL;
}

static void release_protocol(void *context, const struct protocol_config *old) {
    let_go(context, (struct config *)((char *)old - offsetof(struct config, protocol)));
}

static const struct clients_config *read_clients(void *context, struct span slice, struct error *err) {
    (void)context;
    struct config *config = read_anew(CONFIG_CLIENTS, slice, err);
    return config ? &config->clients : NULL;
}

static void release_clients(void *context, const struct clients_config *old) {
    let_go(context, (struct config *)((char *)old - offsetof(struct config, clients)));
}

/* ---- the store process ---- */

/* What a link leads to is not given away: whoever may write the folder above could have put it there. */
static bool give_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    struct stat status;
    if (stat(directory, &status) == 0 && status.st_uid == config->mta.service_uid)
        return true;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0 && fchown(fd, config->mta.service_uid, (gid_t)-1) == 0;
    int cause = errno;
    bool link = fd < 0 && (cause == ELOOP || cause == ENOTDIR) && lstat(directory, &status) == 0 &&
                S_ISLNK(status.st_mode);
    if (fd >= 0)
        close(fd);
    return ok || error_set(err, cause, "cannot give %s to user %s: %s", directory, config->user,
                           link ? "it is a symbolic link; let 'store' name the folder itself, or give that "
                                  "to the user yourself"
                                : strerror(cause));
}

const char *child_where_store_is(const struct config *config) {
    return store_is_folder(config->mta.store) ? "see whether its disk is mounted"
                                              : "see whether 'store' names the right database";
}

/* Where a store was and its disk is not mounted, an empty one would take messages that nobody looks for. */
static bool may_be_made(const struct config *config, struct error *err) {
    struct error there = {0};
    if (store_is_there(config->mta.store_place, &there) || there.code != STORE_NOT_FOUND)
        return true;
    if (!config->create_store)
        return error_set(err, ENOENT,
                         "%s; %s. 'create-store' forbids making an empty one; mhsd --create-store -c FILE "
                         "makes it all the same, FILE being this configuration",
                         there.text, child_where_store_is(config));
    log_warning("%s: an empty one is made. If there should be one, stop, and %s", there.text,
                child_where_store_is(config));
    return true;
}

static bool is_no_file(const char *directory, struct error *err) {
    struct stat status;
    if (!store_is_folder(directory) || stat(directory, &status) != 0 || S_ISDIR(status.st_mode))
        return true;
    return error_set(err, ENOTDIR, "store: %s is a file, and no folder: let 'store' name a folder",
                     directory);
}

/* A start makes the socket's folder first: what it can make then, the others must not refuse. */
static bool is_in_socket_folder(const struct config *config) {
    char above[4096], folder[4096];
    sockets_folder_of(config->mta.store, above, sizeof above);
    sockets_folder_of(config->socket, folder, sizeof folder);
    return strcmp(above, folder) == 0;
}

/* The store's folder is made by root if need be and belongs to the user that the processes run as. */
static bool prepare_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    if (!store_is_folder(directory))
        return true;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set(err, errno, "cannot make the store's folder %s: %s%s", directory, strerror(errno),
                         errno == ENOENT ? "; make the folder above it first (mkdir -p)" : "");
    return !config->user || geteuid() != 0 || give_store(config, err);
}

/* The folders above, from the root: the one that keeps the user out is named, whatever the store is like. */
static bool let_in(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    char folder[4096], user[24];
    snprintf(user, sizeof user, "uid %u", (unsigned)geteuid());
    for (const char *end = directory; (end = strchr(end + 1, '/'));) {
        snprintf(folder, sizeof folder, "%.*s", (int)(end - directory), directory);
        if (access(folder, X_OK) != 0 && errno == EACCES)
            return error_set(
                err, EACCES,
                "%s can't read and write %s: Permission denied; the folders above must let it in, "
                "and %s does not: chmod o+x %s, or choose another place for 'store'",
                config->user ? config->user : user, directory, folder, folder);
    }
    return true;
}

/* What the user can't use is named here, with the remedy; what else may be wrong with it the store says
 * itself. */
static bool reachable(const struct config *config, const char *path, int mode, struct error *err) {
    const char *directory = config->mta.store;
    char user[24];
    snprintf(user, sizeof user, "uid %u", (unsigned)geteuid());
    if (access(path, mode) == 0 || errno != EACCES)
        return true;
    return error_set(
        err, EACCES,
        "%s can't read and write %s: Permission denied; the store must belong to it: chown -R %s %s",
        config->user ? config->user : user, path, config->user ? config->user : user + 4, directory);
}

/* As the user that the process has become: the folder, and the files that an earlier daemon left in it. */
static bool check_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    if (!store_is_folder(directory))
        return true;
    if (!let_in(config, err) || !reachable(config, directory, R_OK | W_OK | X_OK, err))
        return false;
    DIR *folder = opendir(directory);
    bool ok = true;
    char path[4096];
    for (struct dirent *entry; folder && ok && (entry = readdir(folder));)
        if (strcmp(entry->d_name, "..") != 0 &&
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) < (int)sizeof path)
            ok = reachable(config, path, R_OK | W_OK, err);
    if (folder)
        closedir(folder);
    return ok;
}

bool child_create_store(const struct config *config, struct error *err) {
    static const struct store_options options = {.create = true};
    const char *place = config->mta.store_place;
    struct error there = {0};
    if (store_is_folder(place) && is_in_socket_folder(config) && !sockets_make_folder(config->socket, err))
        return false;
    umask(077);
    /* A server is asked as the user that the processes run as. */
    if (!prepare_store(config, err) || (!store_is_folder(place) && !sandbox_drop_user(config->user, err)))
        return false;
    if (store_is_there(place, &there))
        return error_set(err, EEXIST, "%s: there is a store already", config->mta.store);
    if (!sandbox_drop_user(config->user, err) || !check_store(config, err))
        return false;
    struct store *store = store_open(place, &options, err);
    store_close(store);
    return store != NULL;
}

/* The kernel's own trees let root write as far as access(2) knows, and make no folder. */
static bool is_of_kernel(const char *folder) {
    struct statfs system;
    return statfs(folder, &system) == 0 &&
           (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC);
}

/* The folder that the store's is made in; that of the socket may have to be made too. */
static bool may_make_folder(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    char above[4096];
    sockets_folder_of(directory, above, sizeof above);
    if (is_of_kernel(above))
        return error_set(err, EPERM,
                         "store: the folder %s can't be made in %s, which is the kernel's: let 'store' name "
                         "another place",
                         directory, above);
    if (access(above, W_OK | X_OK) == 0)
        return true;
    if (errno == ENOENT && is_in_socket_folder(config) && sockets_may_serve(config->socket, err))
        return true;
    return error_set(err, errno, "store: the folder %s can't be made in %s: %s%s", directory, above,
                     strerror(errno), errno == ENOENT ? "; make that first (mkdir -p)" : "");
}

bool child_may_use_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store;
    struct error there = {0};
    struct stat status;
    if (!store_is_folder(directory))
        return sandbox_drop_user(config->user, err) &&
               (store_examine(config->mta.store_place, err) || err->code == STORE_NOT_FOUND);
    if (!is_no_file(directory, err))
        return false;
    if (stat(directory, &status) != 0 && errno != ENOENT)
        return error_set(err, errno, "store: %s can't be entered: %s", directory, strerror(errno));
    if (stat(directory, &status) != 0) /* root makes it, and the user is to reach it */
        return may_make_folder(config, err) && sandbox_drop_user(config->user, err) && let_in(config, err);
    if (access(directory, W_OK) != 0 && errno == EROFS)
        return error_set(err, EROFS, "store: %s is on a read-only file system: mount it for writing",
                         directory);
    /* An empty folder of another's is given to the user at the start. */
    if (geteuid() == 0 && !store_is_there(directory, &there))
        return sandbox_drop_user(config->user, err) && let_in(config, err);
    return sandbox_drop_user(config->user, err) && check_store(config, err);
}

static int fail(const struct error *err) {
    log_error("%s", err->text);
    return 1;
}

/* NULL: the system gives none, and the store process does it between its other work. */
static struct store_thread *start_thread(const char *or_else) {
    struct error err = {0};
    struct store_thread *thread = store_thread_start(&err);
    if (!thread)
        log_warning("%s: the store process %s", err.text, or_else);
    return thread;
}

bool child_start_threads(void *config, struct error *err) {
    struct mta_config *mta = &((struct config *)config)->mta;
    if (!password_init())
        return error_set(err, 0, "the library that hashes passwords can't be used");
    mta->hashing_thread = start_thread("does nothing else while it compares a password");
    if (store_is_folder(mta->store))
        mta->store_thread = start_thread("waits for the disk with each commit");
    return true;
}

/* Finds out what the store needs, and enters the sandbox with it. */
static bool enter_with_store(struct child_context *context, enum sandbox_part part, struct error *err) {
    struct config *config = context->config;
    static struct store_reach reach; /* the configuration points at it to the end */
    if (!store_reach(config->mta.store_place, &reach, err)) {
        store_reach_free(&reach);
        return false;
    }
    config->mta.store_place = reach.place;
    const char *files[5] = {reach.files[0], reach.files[1], reach.files[2], reach.files[3]};
    const struct sandbox_rights rights = {.directory = reach.calls ? NULL : config->mta.store,
                                          .calls = reach.calls,
                                          .port = reach.port,
                                          .files = files,
                                          .door = CHILD_DOOR,
                                          .start = part == SANDBOX_STORE ? child_start_threads : NULL,
                                          .context = config};
    return sandbox_enter(part, &rights, config->sandbox, err);
}

/* A server may not be up yet, when the machine starts. */
static int no_store(const struct error *err, const struct config *config) {
    log_error("%s", err->text);
    return !store_is_folder(config->mta.store) && err->code == STORE_IO ? 1 : MTA_EXIT_NO_RETRY;
}

static int run_store(struct child_context *context) {
    struct error err = {0};
    const struct config *config = context->config;
    struct mta_reload reload = {.read = read_store, .release = release_mta, .context = context};
    bool folder = store_is_folder(config->mta.store);
    umask(077);
    /* A server is asked as the user that the processes run as. */
    if (!is_no_file(config->mta.store, &err) ||
        (folder && (!may_be_made(config, &err) || !prepare_store(config, &err))) ||
        !sandbox_drop_user(config->user, &err) || (!folder && !may_be_made(config, &err)) ||
        !check_store(config, &err) || !enter_with_store(context, SANDBOX_STORE, &err))
        return no_store(&err, config);
    struct mta_descriptors descriptors = {.parent = CHILD_PARENT, .door = CHILD_DOOR};
    return mta_run(&config->mta, &reload, &descriptors);
}

/* ---- the reader processes ---- */

static int run_reader(struct child_context *context) {
    struct error err = {0};
    const struct config *config = context->config;
    struct mta_reload reload = {.read = read_reader, .release = release_mta, .context = context};
    if (!sandbox_drop_user(config->user, &err) || !enter_with_store(context, SANDBOX_READER, &err))
        return fail(&err);
    struct mta_descriptors descriptors = {.parent = CHILD_PARENT, .door = CHILD_DOOR};
    return reader_run(&config->mta, &reload, &descriptors);
}

/* ---- the net processes ---- */

static int run_net(struct child_context *context) {
    struct error err = {0};
    const struct protocol_config *protocol = &context->config->protocol;
    struct net_reload reload = {.read = read_protocol, .release = release_protocol, .context = context};
    int *listeners = mem_alloc((protocol->listener_count + 1) * sizeof *listeners);
    for (size_t i = 0; listeners && i < protocol->listener_count; i++)
        listeners[i] = CHILD_LISTENERS + (int)i;
    /* The resolver reads the machine's files, which are out of reach in the sandbox. */
    struct event_base *loop = event_base_new();
    struct resolver *resolver =
        loop ? resolver_new(loop, protocol->name_servers, protocol->name_server_count) : NULL;
    if (!resolver || !listeners)
        return fail(&(struct error){.text = "the net process can't start: no memory, or no event loop"});
    const struct sandbox_rights rights = {.door = CHILD_DOOR,
                                          .first_listener = CHILD_LISTENERS,
                                          .listener_count = (unsigned)protocol->listener_count};
    if (!sandbox_drop_user(context->config->user, &err) ||
        !sandbox_enter(SANDBOX_NET, &rights, context->config->sandbox, &err))
        return fail(&err);
    struct net_descriptors descriptors = {.store = CHILD_STORE,
                                          .parent = CHILD_PARENT,
                                          .door = CHILD_DOOR,
                                          .listeners = listeners,
                                          .resolver = resolver};
    int status = net_run(loop, protocol, &reload, &descriptors);
    mem_free(listeners);
    return status;
}

/* ---- the process of the clients ---- */

/* A descriptor a client: as many as the system lets it have. */
static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The parent hands it over where there is one; what else may be open there by now does not listen. */
static int former_local(void) {
    int listens = 0;
    socklen_t length = sizeof listens;
    return getsockopt(CHILD_LISTENERS + 1, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens
               ? CHILD_LISTENERS + 1
               : -1;
}

static int run_clients(struct child_context *context) {
    struct error err = {0};
    struct clients_reload reload = {.read = read_clients, .release = release_clients, .context = context};
    const struct sandbox_rights rights = {
        .door = CHILD_DOOR, .first_listener = CHILD_LISTENERS, .listener_count = 1};
    allow_descriptors();
    if (!sandbox_drop_user(context->config->user, &err) ||
        !sandbox_enter(SANDBOX_CLIENTS, &rights, context->config->sandbox, &err))
        return fail(&err);
    struct clients_descriptors descriptors = {.store = CHILD_STORE,
                                              .parent = CHILD_PARENT,
                                              .local = CHILD_LISTENERS,
                                              .former_local = former_local(),
                                              .door = CHILD_DOOR};
    return clients_run(&context->config->clients, &reload, &descriptors);
}

/* ---- the work processes ---- */

/* Says to the parent that it serves, in the one frame that it ever says. */
static void tell_ready(int parent) {
    static const uint8_t frame[16] = {[5] = IPC_READY};
    if (write(parent, frame, sizeof frame) != (ssize_t)sizeof frame)
        log_warning("the parent can't be told that a work process serves");
}

/* It needs no parent to tell it when to stop: it may be killed at any moment, for it has no state. */
static int run_work(struct child_context *context) {
    struct error err = {0};
    work_limit();
    if (!sandbox_drop_user(context->config->user, &err) ||
        !sandbox_enter(SANDBOX_WORK, NULL, context->config->sandbox, &err))
        return fail(&err);
    tell_ready(CHILD_PARENT);
    return work_run(CHILD_STORE);
}

/* ---- what they have in common ---- */

const struct child_kind_entry child_kinds[KINDS] = {
    [KIND_STORE] = {"store", CONFIG_STORE, IPC_STORE, .door = true},
    [KIND_READER] = {"reader", CONFIG_READER, IPC_READER, .door = true},
    [KIND_NET] = {"net", CONFIG_NET, IPC_NET, .end = IPC_END_NET, .door = true, .listeners = true},
    [KIND_CLIENTS] = {"clients", CONFIG_CLIENTS, IPC_CLIENTS, .end = IPC_END_CLIENTS, .door = true,
                      .local = true},
    [KIND_WORK] = {"work", CONFIG_WORK, IPC_WORK, .end = IPC_END_WORK}};

/* A frame is bounded. */
bool child_tell_config(enum child_kind kind, const struct config *config, struct ipc_channel *channel) {
    struct buf slice;
    buf_init(&slice, IPC_CONFIG_MAX);
    bool done = config_slice(config, child_kinds[kind].slice, &slice);
    for (size_t at = 0; done && channel && (at == 0 || at < slice.len); at += IPC_CHUNK) {
        struct span part = span_sub(buf_span(&slice), at, IPC_CHUNK);
        done = ipc_send(channel, IPC_CONFIG, at + part.len < slice.len, part, (struct span){NULL, 0});
    }
    buf_free(&slice);
    return done;
}

bool child_may_accuse(enum child_kind by, enum ipc_end end, enum child_kind *kind) {
    static const enum child_kind kinds[] = {[IPC_END_NET] = KIND_NET,
                                            [IPC_END_CLIENTS] = KIND_CLIENTS,
                                            [IPC_END_WORK] = KIND_WORK,
                                            [IPC_END_READER] = KIND_READER};
    static const unsigned of[KINDS] = {[KIND_STORE] =
                                           1 << IPC_END_NET | 1 << IPC_END_CLIENTS | 1 << IPC_END_WORK,
                                       [KIND_CLIENTS] = 1 << IPC_END_READER,
                                       [KIND_READER] = 1 << IPC_END_CLIENTS};
    *kind = kinds[end];
    return of[by] >> end & 1;
}

void child_log_ending(enum child_kind kind, int status, double pause) {
    const char *name = child_kinds[kind].name;
    if (WIFSIGNALED(status))
        log_error("the %s process was ended by signal %d; it is started again in %.1f s", name,
                  WTERMSIG(status), pause);
    else if (WEXITSTATUS(status) == 0) /* as when the store process is gone, which the others end with */
        log_notice("the %s process ended; it is started again in %.1f s", name, pause);
    else
        log_error("the %s process exited with status %d; it is started again in %.1f s", name,
                  WEXITSTATUS(status), pause);
}

static int (*const runs[KINDS])(struct child_context *context) = {[KIND_STORE] = run_store,
                                                                  [KIND_READER] = run_reader,
                                                                  [KIND_NET] = run_net,
                                                                  [KIND_CLIENTS] = run_clients,
                                                                  [KIND_WORK] = run_work};

static enum child_kind kind_of(const char *name) {
    enum child_kind kind = 0;
    while (kind < KINDS && strcmp(child_kinds[kind].name, name) != 0)
        kind++;
    return kind;
}

bool child_is_one(int argc, char **argv) {
    int domain = 0;
    socklen_t length = sizeof domain;
    return argc == 3 && kind_of(argv[1]) < KINDS &&
           getsockopt(CHILD_PARENT, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* For the log, and for `top` and `ps -o comm`. */
static void name_process(enum child_kind kind, int number) {
    static char name[16];
    if (kind == KIND_STORE || kind == KIND_CLIENTS)
        snprintf(name, sizeof name, "%s", child_kinds[kind].name);
    else
        snprintf(name, sizeof name, "%s%d", child_kinds[kind].name, number);
    log_set_process(name);
    prctl(PR_SET_NAME, name);
}

static bool read_all(int fd, uint8_t *out, size_t length) {
    while (length > 0) {
        ssize_t got = read(fd, out, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        out += got;
        length -= (size_t)got;
    }
    return true;
}

/* One frame, and not an octet of what follows: that is for the process's loop. */
static bool read_part(struct buf *parts, uint64_t *more, struct span *text) {
    uint8_t header[16];
    if (!read_all(CHILD_PARENT, header, sizeof header))
        return false;
    struct reader r = reader_of(span_of(header, sizeof header));
    size_t length = reader_u32(&r);
    bool right = reader_u16(&r) == IPC_CONFIG && length <= IPC_CHUNK;
    reader_u16(&r);
    *more = reader_u64(&r);
    uint8_t *octets = right ? malloc(length + 1) : NULL;
    bool ok = octets && read_all(CHILD_PARENT, octets, length);
    if (ok)
        payload_config(parts, *more, span_of(octets, length), text);
    free(octets);
    return ok;
}

/* NULL with `*status`: what was told can't be decoded, and will not be at the next start either; a parent
 * that is gone has told nothing. */
static struct config *read_first(enum child_kind kind, int *status, struct error *err) {
    struct buf parts;
    struct span text = {NULL, 0};
    uint64_t more = 1;
    buf_init(&parts, IPC_CONFIG_MAX);
    bool ok = true;
    while (ok && more)
        ok = read_part(&parts, &more, &text);
    struct config *config = NULL;
    struct error inner = {0};
    if (!ok || !text.data)
        error_set(err, EPIPE, "the parent did not tell the configuration");
    else if (!(config = config_read_slice(text, child_kinds[kind].slice, &inner)))
        error_set(err, EINVAL,
                  "this process can't read its part of the configuration: %s; report it, with the file",
                  inner.text);
    *status = text.data ? MTA_EXIT_NO_RETRY : 1;
    buf_free(&parts);
    return config;
}

int child_run(char **argv) {
    struct error err = {0};
    enum child_kind kind = kind_of(argv[1]);
    struct child_context context = {.number = atoi(argv[2])};
    log_find_journal();
    name_process(kind, context.number);
    mem_keep_some();
    signal(SIGPIPE, SIG_IGN);
    /* A limit on the length of files is met as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    /* In the sandbox the C library finds none of its conversions any more. */
    if (!text_prepare()) {
        log_error("the C library lacks character sets that messages come in; install its conversion modules "
                  "(gconv)");
        return MTA_EXIT_NO_RETRY;
    }
    int status;
    context.config = read_first(kind, &status, &err);
    if (!context.config) {
        log_error("%s", err.text);
        return status;
    }
    log_set_level(context.config->log_level);
    return runs[kind](&context);
}
