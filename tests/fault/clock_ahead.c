/* Preloaded into a daemon, it lets the test set the daemon's clock and not the machine's.
 *
 * CHASQUI_CLOCK names a file of 8 octets, an int64_t in the machine's order: by so many microseconds the time
 * of day is ahead, for each process that has it open and from the moment that it is written. The file is
 * mapped before the process has a sandbox. The monotonic clock stays as it is. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;
static int (*real_gettime)(clockid_t, struct timespec *);

static void find_real(void) {
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

__attribute__((constructor)) static void map_clock(void) {
    const char *path = getenv("CHASQUI_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (mapped != MAP_FAILED)
        ahead = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!real_gettime)
        find_real();
    int result = real_gettime(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && ahead) {
        int64_t us = (int64_t)time->tv_sec * 1000000 + time->tv_nsec / 1000 + *ahead;
        time->tv_sec = us / 1000000;
        time->tv_nsec = us % 1000000 * 1000;
    }
    return result;
}
