/*
 * What a process can't do with descriptors that it shares with others: a second
 * filter of seccomp beside that of calls.c, which allows all but this, for a rule
 * that allows a call can't leave out a few descriptors. The kernel looks at the
 * low 32 bits of a descriptor's number only, so that these are compared.
 *
 * 0, 1 and 2 are the log, or the terminal, that the whole daemon writes to: it
 * is written at its end (its flags stay), and neither read, shortened, lengthened
 * nor written elsewhere. A second number for one can't be had, and recvmsg is the door's alone (calls.c).
 * Listeners are handed to the next process when this one was ended: no option, no
 * filter and no call (to AF_UNSPEC, which is the end of a listener) spoils them.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <unistd.h>

#include "ipc/sandbox_private.h"

static const struct {
    int call;
    unsigned at; /* the argument that is the descriptor */
} on_standard[] = {
    {SCMP_SYS(read), 0},      {SCMP_SYS(readv), 0},           {SCMP_SYS(pread64), 0},
    {SCMP_SYS(recvfrom), 0},  {SCMP_SYS(pwrite64), 0},        {SCMP_SYS(lseek), 0},
    {SCMP_SYS(ftruncate), 0}, {SCMP_SYS(fallocate), 0},       {SCMP_SYS(fcntl), 0},
    {SCMP_SYS(flock), 0},     {SCMP_SYS(fchmod), 0},          {SCMP_SYS(fchown), 0},
    {SCMP_SYS(mmap), 4},      {SCMP_SYS(sync_file_range), 0}, {SCMP_SYS(setsockopt), 0},
    {SCMP_SYS(shutdown), 0},  {SCMP_SYS(connect), 0},
};

static const int on_listeners[] = {SCMP_SYS(connect), SCMP_SYS(setsockopt), SCMP_SYS(shutdown)};

/* A rule for each block of numbers that differ in their last bits alone. */
static bool refuse(scmp_filter_ctx filter, int call, unsigned at, uint64_t first, uint64_t count) {
    while (count) {
        uint64_t block = 1;
        while (2 * block <= count && (first & (2 * block - 1)) == 0)
            block *= 2;
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                             SCMP_CMP(at, SCMP_CMP_MASKED_EQ, UINT32_MAX & ~(block - 1), first)) != 0)
            return false;
        first += block;
        count -= block;
    }
    return true;
}

bool sandbox_guard_descriptors(const struct sandbox_rights *rights, struct error *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool ok = filter != NULL;
    for (size_t i = 0; ok && i < sizeof on_standard / sizeof *on_standard; i++)
        ok = refuse(filter, on_standard[i].call, on_standard[i].at, STDIN_FILENO, STDERR_FILENO + 1);
    for (size_t i = 0; ok && i < sizeof on_listeners / sizeof *on_listeners; i++)
        ok = refuse(filter, on_listeners[i], 0, (uint64_t)rights->first_listener, rights->listener_count);
    ok = ok && sandbox_load(filter);
    seccomp_release(filter);
    return ok || error_set(err, EPERM, "cannot enter the seccomp sandbox");
}
