#include "mhsd/children.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ipc/frames.h"
#include "ipc/sandbox.h"
#include "protocol/net.h"
#include "work/work.h"

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

/* ---- the store process ---- */

/* The store's folder is made by root if need be and belongs to the user that the processes run as. */
static bool prepare_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store_directory;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set(err, errno, "cannot make the store's folder %s: %s", directory, strerror(errno));
    if (config->user && geteuid() == 0 && chown(directory, config->mta.service_uid, (gid_t)-1) != 0)
        return error_set(err, errno, "cannot give %s to user %s: %s", directory, config->user,
                         strerror(errno));
    return true;
}

/* What the user can't use is named here, with the remedy; what else may be wrong with it the store says
 * itself. */
static bool reachable(const struct config *config, const char *path, int mode, struct error *err) {
    const char *directory = config->mta.store_directory;
    char user[24];
    snprintf(user, sizeof user, "uid %u", (unsigned)geteuid());
    if (access(path, mode) == 0 || errno != EACCES)
        return true;
    return error_set(
        err, EACCES,
        "%s can't read and write %s: Permission denied; the store must belong to it (chown -R %s %s), "
        "and the folders above must let it in",
        config->user ? config->user : user, path, config->user ? config->user : user + 4, directory);
}

/* As the user that the process has become: the folder, and the files that an earlier daemon left in it. */
static bool check_store(const struct config *config, struct error *err) {
    const char *directory = config->mta.store_directory;
    if (!reachable(config, directory, R_OK | W_OK | X_OK, err))
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

static void close_network(struct sockets *sockets) {
    for (size_t i = 0; i < sockets->listener_count; i++)
        close(sockets->listeners[i]);
    close(sockets->local);
}

/* All but number `mine`. */
static void close_readers(struct sockets *sockets, int mine) {
    for (size_t i = 0; i < sockets->reader_count; i++)
        if ((int)i != mine)
            close(sockets->readers[i]);
}

static int fail(const struct error *err) {
    log_error("%s", err->text);
    return 1;
}

/* For the log, and for `top` and `ps -o comm`; a string that outlives the process's work. */
static void name_process(const char *name) {
    log_set_process(name);
    prctl(PR_SET_NAME, name);
}

int child_store(struct child_context *context) {
    struct error err = {0};
    const struct config *config = context->config;
    struct mta_reload reload = {.read = read_store, .release = release_mta, .context = context};
    name_process("store");
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    close_network(context->sockets);
    close_readers(context->sockets, -1);
    if (!prepare_store(config, &err) || !sandbox_drop_user(config->user, &err) ||
        !check_store(config, &err) || !sandbox_enter(SANDBOX_STORE, config->mta.store_directory, &err)) {
        log_error("%s", err.text);
        return MTA_EXIT_IN_VAIN;
    }
    struct mta_descriptors descriptors = {.parent = context->parent,
                                          .listener = context->sockets->store,
                                          .work_listener = context->sockets->work};
    return mta_run(&config->mta, &reload, &descriptors);
}

/* ---- the reader processes ---- */

int child_reader(struct child_context *context, int number) {
    struct error err = {0};
    const struct config *config = context->config;
    struct mta_reload reload = {.read = read_reader, .release = release_mta, .context = context};
    char name[16];
    snprintf(name, sizeof name, "reader%d", number);
    name_process(name);
    signal(SIGPIPE, SIG_IGN);
    close_network(context->sockets);
    close(context->sockets->store);
    close(context->sockets->work);
    close_readers(context->sockets, number);
    if (!sandbox_drop_user(config->user, &err) ||
        !sandbox_enter(SANDBOX_READER, config->mta.store_directory, &err))
        return fail(&err);
    struct mta_descriptors descriptors = {.parent = context->parent,
                                          .listener = context->sockets->readers[number]};
    return reader_run(&config->mta, &reload, &descriptors);
}

/* ---- the net processes ---- */

int child_net(struct child_context *context, int number) {
    struct error err = {0};
    struct net_reload reload = {.read = read_protocol, .release = release_protocol, .context = context};
    char name[16];
    snprintf(name, sizeof name, "net%d", number);
    name_process(name);
    int store = sockets_connect_store(context->sockets);
    if (store < 0) {
        log_error("the store process can't be reached: %s", strerror(errno));
        return 1;
    }
    close(context->sockets->store);
    struct net_reader *readers = sockets_reader_addresses(context->sockets);
    close_readers(context->sockets, -1);
    if (!readers)
        return 1;
    close(context->sockets->work);
    if (number > 0)
        close(context->sockets->local); /* the first net process serves the local socket */
    /* The resolver reads the machine's files, which are out of reach in the sandbox. */
    const struct protocol_config *protocol = &context->config->protocol;
    struct event_base *loop = event_base_new();
    struct resolver *resolver =
        loop ? resolver_new(loop, protocol->name_servers, protocol->name_server_count) : NULL;
    if (!resolver)
        return fail(&(struct error){.text = "the net process can't start: no memory, or no event loop"});
    if (!sandbox_drop_user(context->config->user, &err) || !sandbox_enter(SANDBOX_NET, NULL, &err))
        return fail(&err);
    struct net_descriptors descriptors = {.store = store,
                                          .parent = context->parent,
                                          .listeners = context->sockets->listeners,
                                          .local = number == 0 ? context->sockets->local : -1,
                                          .resolver = resolver,
                                          .readers = readers,
                                          .reader_count = context->sockets->reader_count};
    int status = net_run(loop, protocol, &reload, &descriptors);
    mem_free(readers);
    return status;
}

/* ---- the work processes ---- */

/* Says to the parent that it serves, in the one frame that it ever says. */
static void tell_ready(int parent) {
    static const uint8_t frame[16] = {[5] = IPC_READY};
    if (write(parent, frame, sizeof frame) != (ssize_t)sizeof frame)
        log_warning("the parent can't be told that a work process serves");
}

/* It needs no parent to tell it when to stop: it may be killed at any moment, for it has no state. */
int child_work(struct child_context *context, int number) {
    struct error err = {0};
    char name[16];
    snprintf(name, sizeof name, "work%d", number);
    name_process(name);
    int store = sockets_connect_work(context->sockets);
    if (store < 0) {
        log_error("the store process can't be reached: %s", strerror(errno));
        return 1;
    }
    close_network(context->sockets);
    close(context->sockets->store);
    close(context->sockets->work);
    close_readers(context->sockets, -1);
    work_prepare();
    work_limit();
    if (!sandbox_drop_user(context->config->user, &err) || !sandbox_enter(SANDBOX_WORK, NULL, &err))
        return fail(&err);
    tell_ready(context->parent);
    return work_run(store);
}
