#include "mhs/save_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mhs/output.h"

/* A file being written. */
struct target {
    int fd;
    uint64_t written;
};

static bool write_piece(void *context, struct span piece) {
    struct target *target = context;
    while (piece.len > 0) {
        ssize_t written = write(target->fd, piece.data, piece.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        target->written += (uint64_t)written;
        piece = span_sub(piece, (size_t)written, piece.len);
    }
    return true;
}

/* A piece is not what was asked for, and would be in the way of the next try. What is no file stays. */
static void remove_piece(const char *path) {
    struct stat s;
    if (lstat(path, &s) == 0 && S_ISREG(s.st_mode))
        unlink(path);
}

enum command_status save_file(const char *path, bool force, const struct ipm_part *part,
                              struct span content) {
    bool standard_output = strcmp(path, "-") == 0;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL);
    struct target target = {.fd = standard_output ? STDOUT_FILENO : open(path, flags, 0666)};
    if (target.fd < 0)
        return (enum command_status)command_fail(COMMAND_FAILED, "%s can't be written: %s%s", path,
                                                 strerror(errno),
                                                 errno == EEXIST ? "; --force overwrites it" : "");
    bool ok = content.data ? write_piece(&target, content) : ipm_part_write(part, write_piece, &target);
    int why = errno;
    if (ok && !standard_output && part && part->modified) /* what it can't be given it goes without */
        futimens(target.fd, (struct timespec[]){{.tv_nsec = UTIME_NOW}, {.tv_sec = part->modified}});
    if (!standard_output && close(target.fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (!ok && !standard_output)
        remove_piece(path);
    if (!ok)
        return (enum command_status)command_fail(COMMAND_FAILED, "%s can't be written: %s", path,
                                                 strerror(why));
    if (command_settings.json && !standard_output) {
        json_t *saved = json_pack("{s:s, s:I}", "file", path, "octets", (json_int_t)target.written);
        out_json(saved);
        json_decref(saved);
    } else if (!standard_output)
        printf("%s: %llu octets\n", path, (unsigned long long)target.written);
    return COMMAND_OK;
}
