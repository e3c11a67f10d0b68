/* Commits that do not end before the test says so: a world (world.h) with late.c. */
#ifndef HOLD_H
#define HOLD_H

#include "world.h"

#include <fcntl.h>

static char hold[32];

UNUSED static bool switch_file(const char *path, bool there) {
    int fd = there ? open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
    return there ? fd >= 0 && close(fd) == 0 : unlink(path) == 0;
}

UNUSED static void hold_commits(bool hold_them) {
    switch_file(hold, hold_them);
}

static int begin_hold(void **state) {
    (void)state;
    snprintf(hold, sizeof hold, "/tmp/chasqui-hold-XXXXXX");
    int fd = mkstemp(hold);
    close(fd);
    unlink(hold);
    return setenv("CHASQUI_TEST_HOLD", hold, 1);
}

static int end_hold(void **state) {
    (void)state;
    return unlink(hold) && errno != ENOENT;
}

/* A file that late.c looks for by this variable, which a switch reads at its start. */
#define LEVER_MAX 64
UNUSED static void set_lever(char path[static LEVER_MAX], const char *variable) {
    snprintf(path, LEVER_MAX, "%s.%s", hold, variable);
    assert_int_equal(setenv(variable, path, 1), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin_hold, end_hold)

UNUSED static const char *code_of(json_t *answer) {
    const char *code = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    return code ? code : "";
}

/* The answer to what was asked under this ref before. */
UNUSED static json_t *late_answer(struct world *world, uint64_t ref) {
    struct reader r = expect(world, IPC_RESPONSE, (uint64_t)1 << 32 | ref);
    reader_u8(&r);
    struct span text = payload_rest(&r);
    return json_loadb((const char *)text.data, text.len, 0, NULL);
}

UNUSED static void ask_under(struct world *world, uint64_t ref, const char *request) {
    tell(world, IPC_REQUEST, (uint64_t)1 << 32 | ref, NOTHING, span_str(request));
}

/* A transfer in pieces up to its first checkpoint, which is asked for. */
UNUSED static void begin_transfer(struct world *world, uint64_t ref, const char *activity) {
    struct span envelope = envelope_to(world, WANTS_NDN, JONES, NULL);
    uint8_t kind = IPC_APDU_MESSAGE;
    say_transfer(world, ref, activity);
    tell(world, IPC_TRANSFER_ENVELOPE, ref, span_of(&kind, 1), envelope);
    tell(world, IPC_TRANSFER_CONTENT, ref, SPAN_LIT("the first half"), NOTHING);
    say_checkpoint(world, ref, 1, 1000, "state");
}

#endif
