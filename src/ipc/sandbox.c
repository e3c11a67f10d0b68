#include "ipc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

bool sandbox_drop_user(const char *user, struct error *err) {
    if (!user || geteuid() != 0)
        return true;
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return error_set(
            err, ENOENT,
            "there is no user '%s'; create it, or name another with 'run-as' in the configuration", user);
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    int at_parents_death = 0; /* prctl(2): a change of user takes this signal away */
    prctl(PR_GET_PDEATHSIG, &at_parents_death);
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0 ||
        prctl(PR_SET_PDEATHSIG, at_parents_death) != 0)
        return error_set(err, errno, "cannot become user '%s': %s", user, strerror(errno));
    return true;
}

/* All rights that the first Landlock version knows: what is handled and not granted is refused. */
#define FILE_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILE_WRITE                                                                                           \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |          \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR)
#define FILE_OTHER                                                                                           \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |              \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool grant_directory(int ruleset, const char *directory, __u64 access) {
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    bool ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(fd);
    return ok;
}

static bool enter_landlock(enum sandbox_part part, const char *directory, struct error *err) {
    struct landlock_ruleset_attr attr = {.handled_access_fs = FILE_READ | FILE_WRITE | FILE_OTHER};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        log_notice("the kernel has no Landlock (%s): the file system is guarded by permissions only",
                   strerror(errno));
        return true;
    }
    __u64 access = FILE_READ | (part == SANDBOX_READER ? LANDLOCK_ACCESS_FS_WRITE_FILE : FILE_WRITE);
    bool ok = (!directory || grant_directory(ruleset, directory, access)) &&
              syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int cause = errno;
    close(ruleset);
    return ok || error_set(err, cause, "cannot enter the Landlock sandbox: %s", strerror(cause));
}

/* Calls that neither part needs and an intruder wants: a kernel with new calls does not stop the mail. */
static const int refused_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(kexec_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(bpf),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(process_vm_writev),
};

static bool refuse_calls(scmp_filter_ctx filter, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0) != 0)
            return false;
    return true;
}

/* All that a process needs that reads its channel, computes, and writes its channel and its log. */
static const int work_calls[] = {
    SCMP_SYS(read),         SCMP_SYS(write),        SCMP_SYS(writev),         SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),      SCMP_SYS(sendto),       SCMP_SYS(sendmsg),        SCMP_SYS(poll),
    SCMP_SYS(ppoll),        SCMP_SYS(close),        SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
    SCMP_SYS(brk),          SCMP_SYS(mmap),         SCMP_SYS(munmap),         SCMP_SYS(mremap),
    SCMP_SYS(mprotect),     SCMP_SYS(madvise),      SCMP_SYS(futex),          SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(setitimer),    SCMP_SYS(getpid),         SCMP_SYS(gettid),
    SCMP_SYS(tgkill),       SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),  SCMP_SYS(sched_yield),  SCMP_SYS(getrandom),      SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),         SCMP_SYS(exit_group),
};

static bool enter_work(struct error *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = filter;
    for (size_t i = 0; ok && i < sizeof work_calls / sizeof *work_calls; i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, work_calls[i], 0) == 0;
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok || error_set(err, EPERM, "cannot enter the seccomp sandbox");
}

static bool enter_seccomp(enum sandbox_part part, struct error *err) {
    if (part == SANDBOX_WORK)
        return enter_work(err);
    static const int store_refused[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
                                        SCMP_SYS(listen)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool ok = filter && refuse_calls(filter, refused_calls, sizeof refused_calls / sizeof *refused_calls);
    if (ok && part != SANDBOX_NET)
        ok = refuse_calls(filter, store_refused, sizeof store_refused / sizeof *store_refused);
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok || error_set(err, EPERM, "cannot enter the seccomp sandbox");
}

bool sandbox_enter(enum sandbox_part part, const char *directory, struct error *err) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(err, errno, "cannot give up new privileges: %s", strerror(errno));
    return enter_landlock(part, directory, err) && enter_seccomp(part, err);
}
