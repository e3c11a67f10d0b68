/*
 * The rights of root beyond those of an owner of files (capabilities(7)), which a daemon that stays root
 * (`run-as = ""`), or gets some from its service manager, would leave to every process: raw packets, other
 * processes, everybody's files. A process of any kind gives them up. What it was handed (listeners, channels)
 * needs none, and root's own files take root as their owner. Where the store is another user's (it was served
 * as that user before), its processes keep what they reach its files with, and the store process what SQLite
 * gives new files their owner with; what else these rights would reach, Landlock guards.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/sandbox_private.h"

struct rights {
    uint64_t permitted, effective;
};

static bool get(struct rights *rights) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &head, data) != 0)
        return false;
    rights->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    rights->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
    return true;
}

/* Inheritable ones there are none: nothing is executed any more. */
static bool set(struct rights rights) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
        {.permitted = (uint32_t)rights.permitted, .effective = (uint32_t)rights.effective},
        {.permitted = (uint32_t)(rights.permitted >> 32), .effective = (uint32_t)(rights.effective >> 32)}};
    return syscall(SYS_capset, &head, data) == 0;
}

/* Without any such right, can the file be used? What is not there is refused elsewhere, in better words. */
static bool is_open(int folder, const char *path, int mode) {
    return faccessat(folder, path, mode, AT_EACCESS) == 0 || (errno != EACCES && errno != EPERM);
}

/* The folder, what is in it, and what is in the folders of it (segment files), `depth` of them deep. */
static bool folder_is_open(int above, const char *path, int depth) {
    int fd = openat(above, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        bool other = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
        if (fd >= 0)
            close(fd);
        return other;
    }
    bool open = is_open(fd, ".", R_OK | W_OK | X_OK);
    for (struct dirent *entry; open && (entry = readdir(folder));) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        open = self || (is_open(fd, entry->d_name, R_OK | W_OK) &&
                        (!depth || folder_is_open(fd, entry->d_name, depth - 1)));
    }
    closedir(folder);
    return open;
}

static bool all_are_open(const struct sandbox_rights *rights) {
    bool open = !rights->directory || folder_is_open(AT_FDCWD, rights->directory, 1);
    for (const char *const *file = rights->files; open && file && *file; file++)
        open = is_open(AT_FDCWD, *file, R_OK);
    return open;
}

static uint64_t needed(enum sandbox_part part, const struct sandbox_rights *rights) {
    uint64_t files = part == SANDBOX_STORE    ? 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_CHOWN
                     : part == SANDBOX_READER ? 1ull << CAP_DAC_OVERRIDE
                                              : 0;
    return files && !all_are_open(rights) ? files : 0;
}

bool sandbox_guard_capabilities(enum sandbox_part part, const struct sandbox_rights *rights,
                                struct error *err) {
    struct rights held;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* those go with the inheritable ones, too */
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0 || !get(&held) || !set((struct rights){held.permitted, 0}))
        return error_set(err, errno, "cannot give up the rights of root: %s", strerror(errno));
    uint64_t kept = held.permitted & needed(part, rights);
    return set((struct rights){kept, kept}) ||
           error_set(err, errno, "cannot give up the rights of root: %s", strerror(errno));
}
