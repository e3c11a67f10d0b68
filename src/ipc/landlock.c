/*
 * Landlock (landlock(7)): all rights that the running kernel knows are taken
 * away, and those of the kind given back. The constants of newer versions stand
 * here: the headers may be older than the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/sandbox_private.h"

/* struct landlock_ruleset_attr as of version 6. */
struct ruleset {
    uint64_t files, network, scoped;
};

enum { FILES_ONLY = 8, FILES_AND_NETWORK = 16, ALL = 24 }; /* its length in older kernels */

#define FIRST_RIGHTS ((1u << 13) - 1) /* version 1: LANDLOCK_ACCESS_FS_EXECUTE to _MAKE_SYM */
#define REFER        (1u << 13)       /* version 2 */
#define TRUNCATE     (1u << 14)       /* version 3 */
#define IOCTL_DEV    (1u << 15)       /* version 5 */
#define BIND_TCP     (1u << 0)        /* version 4 */
#define CONNECT_TCP  (1u << 1)        /* version 4 */
#define NET_PORT     2                /* version 4: LANDLOCK_RULE_NET_PORT */
#define SCOPE_SOCKET (1u << 0)        /* version 6: abstract Unix sockets */
#define SCOPE_SIGNAL (1u << 1)        /* version 6 */

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAKE                                                                                                 \
    (LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_DIR |          \
     LANDLOCK_ACCESS_FS_MAKE_DIR | TRUNCATE)

static uint64_t file_rights(int version) {
    return FIRST_RIGHTS | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0) |
           (version >= 5 ? IOCTL_DEV : 0);
}

/* A net process calls whom the configuration names, at any port, which may change with a reload. */
static uint64_t network_rights(enum sandbox_part part, int version) {
    return version < 4 ? 0 : part == SANDBOX_NET ? BIND_TCP : BIND_TCP | CONNECT_TCP;
}

static bool grant_path(int ruleset, const char *path, uint64_t rights, int flags) {
    int fd = open(path, O_PATH | O_CLOEXEC | flags);
    if (fd < 0)
        return false;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    bool ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(fd);
    return ok;
}

/* A file that is not there is none that could be read. */
static bool grant_files(int ruleset, const char *const *files) {
    for (; files && *files; files++)
        if (!grant_path(ruleset, *files, LANDLOCK_ACCESS_FS_READ_FILE, 0) && errno != ENOENT)
            return false;
    return true;
}

/* struct landlock_net_port_attr, of version 4. */
static bool grant_port(int ruleset, uint16_t port, int version) {
    const struct { uint64_t rights, port; } rule = {CONNECT_TCP, port};
    return version < 4 || !port || syscall(SYS_landlock_add_rule, ruleset, NET_PORT, &rule, 0) == 0;
}

bool sandbox_guard_files(enum sandbox_part part, const struct sandbox_rights *may, int *found,
                         struct error *err) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *found = version > 0 ? (int)version : 0;
    if (*found == 0)
        return true;
    struct ruleset attr = {.files = file_rights(*found),
                           .network = network_rights(part, *found),
                           .scoped = *found >= 6 ? SCOPE_SOCKET | SCOPE_SIGNAL : 0};
    size_t length = *found >= 6 ? ALL : *found >= 4 ? FILES_AND_NETWORK : FILES_ONLY;
    uint64_t rights =
        (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | (part == SANDBOX_STORE ? MAKE : 0)) & attr.files;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, length, 0);
    bool ok = ruleset >= 0 && (!may->directory || grant_path(ruleset, may->directory, rights, O_DIRECTORY)) &&
              grant_files(ruleset, may->files) && (!may->calls || grant_port(ruleset, may->port, *found)) &&
              syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int cause = errno;
    if (ruleset >= 0)
        close(ruleset);
    return ok || error_set(err, cause, "cannot enter the Landlock sandbox: %s", strerror(cause));
}
