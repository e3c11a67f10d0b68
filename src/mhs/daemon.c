#include "mhs/daemon.h"

#include <stdlib.h>
#include <string.h>

#include "mhs/output.h"

static struct mhs_session *session;
static bool quiet;

struct mhs_session *daemon_session(void) {
    if (session)
        return session;
    mhs_open(command_settings.socket, &session);
    if (!session)
        exit(command_fail(COMMAND_FAILED, "no memory"));
    return session;
}

void daemon_close(void) {
    mhs_close(session);
    session = NULL;
}

void daemon_quiet(bool on) {
    quiet = on;
}

/* Prints `mhs:   WHAT LINE` for each, and returns them as JSON; NULL: there are none. */
static json_t *say_lines(const char *(*line_of)(const struct mhs_session *, size_t), const char *what) {
    json_t *lines = NULL;
    const char *line;
    for (size_t i = 0; (line = line_of(session, i)); i++) {
        fprintf(stderr, "mhs:   %s", what);
        out_untrusted(stderr, line, strlen(line));
        fputc('\n', stderr);
        if (!lines)
            lines = json_array();
        json_array_append_new(lines, json_string(line));
    }
    return lines;
}

static enum command_status say_refusal(void) {
    const char *text = mhs_error_text(session), *name = mhs_error_name(session);
    if (quiet)
        return COMMAND_NO;
    fputs("mhs: refused: ", stderr);
    out_untrusted(stderr, text, strlen(text));
    fprintf(stderr, " (%s)\n", name);
    json_t *complaints = say_lines(mhs_error_complaint, ""),
           *recipients = say_lines(mhs_error_recipient, "recipient ");
    json_t *error = json_pack("{s:s, s:s, s:o*, s:o*}", "code", name, "text", text, "complaints", complaints,
                              "recipients", recipients);
    if (command_settings.json)
        out_json_error(json_incref(error));
    json_decref(error);
    return COMMAND_NO;
}

enum command_status daemon_failed(enum mhs_code code) {
    if (code >= MHS_BAD_REQUEST)
        return say_refusal();
    enum command_status status = code == MHS_INVALID     ? COMMAND_USAGE
                                 : code == MHS_NO_MEMORY ? COMMAND_FAILED
                                                         : COMMAND_UNREACHABLE;
    return (enum command_status)command_fail(status, "%s", mhs_error_text(session));
}

enum command_status daemon_request(json_t *request, json_t **answer) {
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL, *told = NULL;
    *answer = NULL;
    json_decref(request);
    if (!text)
        return (enum command_status)command_fail(
            COMMAND_FAILED, "no memory for the request, or text in it that is not UTF-8");
    enum mhs_code code = mhs_operate(daemon_session(), text, &told);
    free(text);
    if (code != MHS_OK)
        return daemon_failed(code);
    *answer = json_loads(told, JSON_DECODE_ANY, NULL);
    free(told);
    return *answer ? COMMAND_OK
                   : (enum command_status)command_fail(COMMAND_FAILED, "no memory for the answer");
}

enum command_status daemon_ask(json_t *request, void (*print)(const json_t *answer)) {
    json_t *answer;
    enum command_status status = daemon_request(request, &answer);
    if (status != COMMAND_OK)
        return status;
    if (command_settings.json)
        out_json(answer);
    else
        print(answer);
    json_decref(answer);
    return COMMAND_OK;
}
