#include "mhs/password.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of what the command prints more than a line is no password. */
static bool read_line(FILE *pipe, char *line, size_t size) {
    bool read = fgets(line, (int)size, pipe) != NULL;
    size_t length = read ? strlen(line) : 0;
    bool whole = length && (line[length - 1] == '\n' || feof(pipe));
    while (fgetc(pipe) != EOF) /* or the command would end by a broken pipe */
        ;
    if (length && line[length - 1] == '\n')
        line[--length] = '\0';
    if (length && line[length - 1] == '\r')
        line[--length] = '\0';
    return whole && length;
}

static bool run(const struct command_usage *usage, const char *command, char *line, size_t size) {
    fflush(NULL);
    FILE *pipe = popen(command, "re");
    if (!pipe) {
        command_usage_error(usage, "--password-command: '%.100s' can't be run: %s", command, strerror(errno));
        return false;
    }
    bool read = read_line(pipe, line, size);
    int status = pclose(pipe);
    if (status != 0)
        command_usage_error(usage, "--password-command: '%.100s' failed", command);
    else if (!read)
        command_usage_error(usage,
                            "--password-command: '%.100s' printed no password: one line of 1 to %d octets is "
                            "one",
                            command, PASSWORD_MOST);
    return status == 0 && read;
}

bool password_hash_of(const struct command_usage *usage, const char *command,
                      char hash[static PASSWORD_HASH_SIZE]) {
    char line[PASSWORD_MOST + 3]; /* with the end of the line */
    bool read = run(usage, command, line, sizeof line), fits = read && strlen(line) <= PASSWORD_MOST;
    bool done = fits && password_init() && password_hash(span_str(line), hash);
    if (read && !fits)
        command_usage_error(usage,
                            "--password-command: the password has more than %d octets, the most of "
                            "X.411",
                            PASSWORD_MOST);
    else if (read && !done)
        command_usage_error(usage, "--password-command: no memory to hash the password");
    explicit_bzero(line, sizeof line);
    return done;
}
