/*
 * The system calls of each kind of process (seccomp): what is not listed is
 * refused with EPERM. A call that can be turned against others is allowed with
 * certain arguments only.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/sandbox_private.h"

/*
 * To compute, to read and write what is open, and to end. Not sendmsg or sendmmsg, in no kind: who may hand
 * descriptors on gives his channels and listeners to a process that nobody can end with him. The parent alone
 * does (ipc/door.h); nor is a descriptor doubled (dup, F_DUPFD), which would be a second way to it.
 */
static const int common[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(setitimer),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* libevent's loop, and channels that come through a door. */
static const int loop[] = {
    SCMP_SYS(epoll_create1),   SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait),  SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),    SCMP_SYS(pipe2),       SCMP_SYS(eventfd2),    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};

/* Connections that are taken. */
static const int taking[] = {SCMP_SYS(accept), SCMP_SYS(accept4)};

static const int calling[] = {SCMP_SYS(connect)};

/* SQLite and segment files, read. Shared memory and the WAL are written in place (I15). */
static const int file_reading[] = {
    SCMP_SYS(pread64),  SCMP_SYS(pwrite64),   SCMP_SYS(lseek),     SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat),    SCMP_SYS(statx),      SCMP_SYS(access),    SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),    SCMP_SYS(getdents64), SCMP_SYS(fadvise64),
    SCMP_SYS(statfs),   SCMP_SYS(fstatfs),    SCMP_SYS(fdatasync), SCMP_SYS(fsync),
};

/* Made, lengthened, shortened and removed. SQLite gives new files the owner and mode of the database. */
static const int file_writing[] = {
    SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(sync_file_range), SCMP_SYS(flock),    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),   SCMP_SYS(rmdir),     SCMP_SYS(unlink),          SCMP_SYS(unlinkat), SCMP_SYS(rename),
    SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(fchmod),          SCMP_SYS(fchown),
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer's reports. */
static const int sanitizer[] = {SCMP_SYS(mincore), SCMP_SYS(getcwd), SCMP_SYS(readlink), SCMP_SYS(prctl)};
#else
static const int sanitizer[] = {SCMP_SYS(exit)};
#endif

#define ROW(calls)                                                                                           \
    { calls, sizeof(calls) / sizeof *(calls) }

enum { PART_STORE = 1 << SANDBOX_STORE, PART_READER = 1 << SANDBOX_READER, PART_NET = 1 << SANDBOX_NET };
enum {
    PART_CLIENTS = 1 << SANDBOX_CLIENTS,
    PART_WORK = 1 << SANDBOX_WORK,
    PART_ALL = (1 << SANDBOX_PARTS) - 1
};

static const struct {
    struct {
        const int *calls;
        size_t count;
    } list;
    int parts;
} rows[] = {
    {ROW(common), PART_ALL},
    {ROW(sanitizer), PART_ALL},
    {ROW(loop), PART_ALL & ~PART_WORK},
    {ROW(taking), PART_NET | PART_CLIENTS},
    {ROW(calling), PART_NET},
    {ROW(file_reading), PART_STORE | PART_READER},
    {ROW(file_writing), PART_STORE},
};

static bool allow_lists(scmp_filter_ctx filter, enum sandbox_part part) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t n = 0; n < rows[i].list.count && rows[i].parts & 1 << part; n++)
            if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, rows[i].list.calls[n], 0) != 0)
                return false;
    return true;
}

/* A reader shortens nothing, not even where the kernel's Landlock is too old to refuse it. */
static bool allow_open(scmp_filter_ctx filter, enum sandbox_part part) {
    uint64_t refused = part == SANDBOX_READER ? O_TRUNC : 0;
    struct scmp_arg_cmp open_flags = SCMP_CMP(1, SCMP_CMP_MASKED_EQ, refused, 0);
    struct scmp_arg_cmp openat_flags = SCMP_CMP(2, SCMP_CMP_MASKED_EQ, refused, 0);
    return (part != SANDBOX_STORE && part != SANDBOX_READER) ||
           (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, open_flags) == 0 &&
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, openat_flags) == 0);
}

/* `call` where its argument number `at` is one of `values`. */
static bool allow_values(scmp_filter_ctx filter, int call, unsigned at, const uint64_t *values,
                         size_t count) {
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(at, SCMP_CMP_EQ, values[i])) != 0)
            return false;
    return true;
}

/* Not F_SETOWN and its like, which have the kernel send signals. */
static const uint64_t fcntls[] = {F_GETFD, F_SETFD,  F_GETFL,     F_GETLK,
                                  F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_GETLK};
static const uint64_t ioctls[] = {FIONREAD};
/* To call the store's server, also when it was away. A library's TLS looks for a broken pipe's signal. */
static const int server_calls[] = {SCMP_SYS(connect), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait)};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Sockets that may be made, their flags left out. Root could else make raw ones, and whoever may make name
 * spaces, packet sockets. */
struct kind_of_socket {
    uint64_t domain, type, protocol;
};

/* TCP, and UDP for names: the resolver's of a net process (libevent's says which protocol, by default it says
 * none), and the C library's where a server's address is sought. */
static const struct kind_of_socket internet[] = {
    {AF_INET, SOCK_STREAM, 0},
    {AF_INET6, SOCK_STREAM, 0},
    {AF_INET, SOCK_STREAM, IPPROTO_TCP},
    {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
    {AF_INET, SOCK_DGRAM, 0},
    {AF_INET6, SOCK_DGRAM, 0},
    {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
};
static const struct kind_of_socket local[] = {{AF_UNIX, SOCK_STREAM, 0}};

static bool allow_sockets(scmp_filter_ctx filter, const struct kind_of_socket *kinds, size_t count) {
    const uint64_t no_flags = ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
                             SCMP_CMP(0, SCMP_CMP_EQ, kinds[i].domain),
                             SCMP_CMP(1, SCMP_CMP_MASKED_EQ, no_flags, kinds[i].type),
                             SCMP_CMP(2, SCMP_CMP_EQ, kinds[i].protocol)) != 0)
            return false;
    return true;
}

struct option {
    int level, name;
};

/* What libpq asks of a connection, and we of those that call, are called or write to the local socket. */
static const struct option asked[] = {
    {SOL_SOCKET, SO_ERROR}, {SOL_SOCKET, SO_PEERCRED}, {SOL_SOCKET, SO_ACCEPTCONN}};
/* That a host which is gone is noticed, and small frames don't wait. The last is libpq's alone. */
static const struct option set[] = {
    {SOL_SOCKET, SO_KEEPALIVE}, {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_NODELAY},  {IPPROTO_TCP, TCP_USER_TIMEOUT},
};

static bool allow_options(scmp_filter_ctx filter, int call, const struct option *options, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 2,
                             SCMP_CMP(1, SCMP_CMP_EQ, (uint64_t)options[i].level),
                             SCMP_CMP(2, SCMP_CMP_EQ, (uint64_t)options[i].name)) != 0)
            return false;
    return true;
}

/*
 * A socket is written to without a signal or a wait, and never called by that (MSG_FASTOPEN, which the
 * kernel's Landlock does not look at). Descriptors come by the door alone. One that is not to block never
 * blocks again: a listener is the parent's too, who would wait at it. An end is said to a peer alone.
 */
static bool allow_sockets_use(scmp_filter_ctx filter, enum sandbox_part part,
                              const struct sandbox_rights *rights) {
    const uint64_t send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    const uint64_t door = (uint64_t)rights->door, end = SHUT_WR;
    bool calls_tcp = part == SANDBOX_NET || rights->port;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1,
                            SCMP_CMP(3, SCMP_CMP_MASKED_EQ, ~send_flags, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2, SCMP_CMP(1, SCMP_CMP_EQ, F_SETFL),
                            SCMP_CMP(2, SCMP_CMP_MASKED_EQ, ~(uint64_t)O_ACCMODE, O_NONBLOCK)) == 0 &&
           (!door || allow_values(filter, SCMP_SYS(recvmsg), 0, &door, 1)) &&
           (part == SANDBOX_WORK || allow_options(filter, SCMP_SYS(getsockopt), asked, COUNT(asked))) &&
           (!calls_tcp || allow_options(filter, SCMP_SYS(setsockopt), set, COUNT(set))) &&
           (part != SANDBOX_NET || allow_values(filter, SCMP_SYS(shutdown), 1, &end, 1));
}

static bool allow_by_argument(scmp_filter_ctx filter, enum sandbox_part part) {
    const uint64_t self = (uint64_t)getpid(), zero = 0;
    struct scmp_arg_cmp no_code = SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    return allow_values(filter, SCMP_SYS(tgkill), 0, &self, 1) && /* abort(3) */
           allow_values(filter, SCMP_SYS(prlimit64), 0, &zero, 1) &&
           allow_values(filter, SCMP_SYS(fcntl), 1, fcntls, COUNT(fcntls)) &&
           allow_values(filter, SCMP_SYS(ioctl), 1, ioctls, COUNT(ioctls)) &&
           (part != SANDBOX_NET || allow_sockets(filter, internet, COUNT(internet))) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code) == 0;
}

static bool allow_server(scmp_filter_ctx filter, const struct sandbox_rights *rights) {
    if (!rights->calls)
        return true;
    for (size_t i = 0; i < COUNT(server_calls); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, server_calls[i], 0) != 0)
            return false;
    return rights->port ? allow_sockets(filter, internet, COUNT(internet))
                        : allow_sockets(filter, local, COUNT(local));
}

bool sandbox_load(void *filter) {
    return seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && seccomp_load(filter) == 0;
}

bool sandbox_guard_calls(enum sandbox_part part, const struct sandbox_rights *rights, struct error *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = filter && allow_lists(filter, part) && allow_open(filter, part) &&
              allow_by_argument(filter, part) && allow_sockets_use(filter, part, rights) &&
              allow_server(filter, rights) && sandbox_load(filter);
    seccomp_release(filter);
    return ok || error_set(err, EPERM, "cannot enter the seccomp sandbox");
}
