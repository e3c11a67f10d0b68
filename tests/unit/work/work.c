/* The work process, forked, with this test as its store process: one job at a time, in frames, and nothing on
 * trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "content/downgrade.h"
#include "ipc/client.h"
#include "ipc/payload.h"
#include "work/work.h"

#define NOTHING ((struct span){NULL, 0})

struct stage {
    struct ipc_client *work; /* the channel to it */
    pid_t pid;
    struct buf content, result;
    unsigned reads;
    size_t longest; /* of the pieces that came */
};

/* The verdict, and what came with it. */
struct verdict {
    unsigned verdict, reason, diagnostic;
    uint64_t length;
    uint32_t types, texts, files, parts;
    char text[200];
};

static int begin(void **state) {
    static struct stage stage;
    int pair[2];
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    stage = (struct stage){0};
    *state = &stage;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    stage.pid = fork();
    assert_true(stage.pid >= 0);
    if (stage.pid == 0) {
        close(pair[0]);
        text_prepare();
        _exit(work_run(pair[1]));
    }
    close(pair[1]);
    stage.work = ipc_client_of(pair[0], (struct ipc_side){.self = IPC_STORE, .other = IPC_WORK});
    assert_non_null(stage.work);
    assert_true(ipc_client_receive(stage.work, &type, &ref, &payload, 60000, NULL));
    assert_int_equal(type, IPC_WORK_READY);
    assert_true(ref == 0 && payload.len == 0);
    return 0;
}

/* Its exit status, once its channel is closed. */
static int finish(struct stage *stage) {
    int status = 0;
    ipc_client_close(stage->work);
    stage->work = NULL;
    assert_int_equal(waitpid(stage->pid, &status, 0), stage->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int end(void **state) {
    struct stage *stage = *state;
    if (stage->work)
        finish(stage);
    buf_free(&stage->content);
    buf_free(&stage->result);
    return 0;
}

/* ---- frames ---- */

static void say(struct stage *stage, enum ipc_type type, uint64_t ref, struct span head, struct span body) {
    struct error err = {0};
    assert_true(ipc_client_send(stage->work, type, ref, head, body, &err));
}

static void give_job(struct stage *stage, uint64_t ref, unsigned operation, struct span arguments) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_byte(&head, (uint8_t)operation);
    buf_append_u64(&head, stage->content.len);
    say(stage, IPC_WORK_BEGIN, ref, buf_span(&head), arguments);
    buf_free(&head);
}

static void give_piece(struct stage *stage, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint64_t offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    assert_true(payload_done(&r) && length > 0 && length <= IPC_CHUNK);
    assert_true(offset <= stage->content.len && length <= stage->content.len - offset);
    stage->reads++;
    say(stage, IPC_WORK_DATA, ref, span_sub(payload, 0, 8), span_of(stage->content.data + offset, length));
}

static void read_verdict(struct span payload, struct verdict *verdict) {
    struct reader r = reader_of(payload);
    *verdict = (struct verdict){.verdict = reader_u8(&r)};
    if (verdict->verdict == IPC_WORK_DONE) {
        verdict->length = reader_u64(&r);
        verdict->types = reader_u32(&r);
        verdict->texts = reader_u32(&r);
        verdict->files = reader_u32(&r);
        verdict->parts = reader_u32(&r);
    } else {
        verdict->reason = reader_u16(&r);
        verdict->diagnostic = reader_u16(&r);
        struct span text = payload_octets(&r);
        memcpy(verdict->text, text.data,
               text.len < sizeof verdict->text ? text.len : sizeof verdict->text - 1);
    }
    assert_true(payload_done(&r));
}

/* The next frame of the job; a piece that it asks for is given. False: the channel ended. */
static bool serve(struct stage *stage, uint64_t job, struct verdict *verdict, bool *decided) {
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    if (!ipc_client_receive(stage->work, &type, &ref, &payload, 60000, NULL))
        return false;
    assert_int_equal(ref, job);
    if (type == IPC_WORK_READ) {
        give_piece(stage, ref, payload);
    } else if (type == IPC_WORK_RESULT) {
        assert_false(*decided);
        *decided = true;
        read_verdict(payload, verdict);
    } else {
        assert_int_equal(type, IPC_WORK_CONTENT);
        assert_true(*decided && payload.len > 0 && payload.len <= IPC_CHUNK);
        stage->longest = payload.len > stage->longest ? payload.len : stage->longest;
        assert_true(buf_append_span(&stage->result, payload));
    }
    return true;
}

static struct verdict do_job(struct stage *stage, uint64_t ref, unsigned flags) {
    struct verdict verdict = {0};
    bool decided = false;
    const uint8_t arguments[5] = {(uint8_t)flags}; /* and no address */
    buf_clear(&stage->result);
    give_job(stage, ref, IPC_WORK_DOWNGRADE, span_of(arguments, sizeof arguments));
    while (!decided || stage->result.len < verdict.length)
        assert_true(serve(stage, ref, &verdict, &decided));
    assert_int_equal(stage->result.len, verdict.length);
    return verdict;
}

/* ---- contents ---- */

static void element(struct buf *out, uint8_t tag, struct span contents) {
    buf_append_byte(out, tag);
    buf_append_byte(out, 0x84);
    buf_append_u32(out, (uint32_t)contents.len);
    buf_append_span(out, contents);
}

/* A P22 message: a heading of an identifier, and one body part. */
static void make_content(struct stage *stage, uint8_t tag, struct span part) {
    struct buf parts, both;
    buf_init(&parts, 0);
    buf_init(&both, 0);
    buf_clear(&stage->content);
    element(&both, 0x31, SPAN_LIT("\x6B\x03\x13\x01i"));
    element(&parts, tag, part);
    element(&both, 0x30, buf_span(&parts));
    element(&stage->content, 0xA0, buf_span(&both));
    assert_false(stage->content.failed);
    buf_free(&parts);
    buf_free(&both);
}

/* An IA5 text of so many characters. */
static void make_text(struct stage *stage, size_t length) {
    struct buf part;
    uint8_t *text = test_malloc(length);
    memset(text, 'x', length);
    buf_init(&part, 0);
    element(&part, 0x31, NOTHING);
    element(&part, 0x16, span_of(text, length));
    make_content(stage, 0xA0, buf_span(&part));
    buf_free(&part);
    test_free(text);
}

/* ---- plays ---- */

static void a_content_is_asked_for_and_given_back(void **state) {
    struct stage *stage = *state;
    make_text(stage, 100);
    struct verdict verdict = do_job(stage, 7, 0);
    assert_int_equal(verdict.verdict, IPC_WORK_DONE);
    assert_int_equal(verdict.types, 1u << 2); /* IA5 text */
    assert_int_equal(verdict.texts + verdict.files + verdict.parts, 0);
    assert_true(stage->reads > 0 && verdict.length > 100);
    assert_int_equal(finish(stage), 0);
}

static void jobs_follow_each_other(void **state) {
    struct stage *stage = *state;
    for (uint64_t ref = 1; ref <= 5; ref++) {
        make_text(stage, 10 * ref);
        assert_int_equal(do_job(stage, ref, 0).verdict, IPC_WORK_DONE);
    }
    assert_int_equal(finish(stage), 0);
}

static void a_long_content_goes_in_pieces_both_ways(void **state) {
    struct stage *stage = *state;
    size_t length = 3 * IPC_CHUNK + 17, kept = 0;
    make_text(stage, length);
    assert_int_equal(do_job(stage, 1, 0).verdict, IPC_WORK_DONE);
    assert_true(stage->reads >= 4);
    assert_int_equal(stage->longest, IPC_CHUNK);
    for (size_t i = 0; i < stage->result.len; i++)
        kept += stage->result.data[i] == 'x';
    assert_true(kept >= length);
}

/* A body part that P2 lacks: externally-defined, of a type that nobody knows. */
static void what_the_content_forbids_is_refused_with_its_reason(void **state) {
    struct stage *stage = *state;
    static const char unknown[] = "\x28\x80\x06\x02\x2A\x03\xA0\x80\x05\x00\x00\x00\x00\x00";
    make_content(stage, 0xAF, span_of(unknown, sizeof unknown - 1));
    struct verdict verdict = do_job(stage, 1, DOWNGRADE_LOSS_PROHIBITED);
    assert_int_equal(verdict.verdict, IPC_WORK_REFUSED);
    assert_true(verdict.text[0] != '\0');
    /* And the process goes on. */
    make_text(stage, 10);
    assert_int_equal(do_job(stage, 2, 0).verdict, IPC_WORK_DONE);
}

static void a_content_that_is_none_is_refused(void **state) {
    struct stage *stage = *state;
    buf_append_span(&stage->content, SPAN_LIT("\xA0\x84\xFF\xFF\xFF\xFFnonsense"));
    assert_int_equal(do_job(stage, 1, 0).verdict, IPC_WORK_REFUSED);
    buf_clear(&stage->content);
    assert_int_equal(do_job(stage, 2, 0).verdict, IPC_WORK_REFUSED);
    assert_int_equal(finish(stage), 0);
}

/* The store process broke the rules: the work process ends, and says nothing more. */
static void ends(struct stage *stage) {
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    assert_false(ipc_client_receive(stage->work, &type, &ref, &payload, 60000, NULL));
    assert_int_equal(finish(stage), 1);
}

static void an_unknown_operation_ends_it(void **state) {
    give_job(*state, 1, 99, SPAN_LIT("\0\0\0\0\0"));
    ends(*state);
}

static void arguments_that_do_not_read_end_it(void **state) {
    give_job(*state, 1, IPC_WORK_DOWNGRADE, SPAN_LIT("\0\0\0\0\0\0"));
    ends(*state);
}

static void a_frame_that_is_no_job_ends_it(void **state) {
    say(*state, IPC_WORK_DATA, 1, SPAN_LIT("12345678"), NOTHING);
    ends(*state);
}

/* Waits for the first READ and answers it wrong. */
static void answer_wrong(struct stage *stage, enum ipc_type answer, uint64_t job, struct span payload) {
    enum ipc_type type;
    uint64_t ref;
    struct span asked;
    make_text(stage, 100);
    give_job(stage, 1, IPC_WORK_DOWNGRADE, SPAN_LIT("\0\0\0\0\0"));
    assert_true(ipc_client_receive(stage->work, &type, &ref, &asked, 60000, NULL));
    assert_int_equal(type, IPC_WORK_READ);
    say(stage, answer, job, payload, NOTHING);
    ends(stage);
}

static void a_piece_of_another_place_ends_it(void **state) {
    answer_wrong(*state, IPC_WORK_DATA, 1, SPAN_LIT("\0\0\0\0\0\0\0\x09octets"));
}

static void a_piece_that_is_too_short_ends_it(void **state) {
    answer_wrong(*state, IPC_WORK_DATA, 1, SPAN_LIT("\0\0\0\0\0\0\0\0x"));
}

static void a_piece_of_another_job_ends_it(void **state) {
    answer_wrong(*state, IPC_WORK_DATA, 2, SPAN_LIT("\0\0\0\0\0\0\0\0x"));
}

static void a_second_job_within_the_first_ends_it(void **state) {
    answer_wrong(*state, IPC_WORK_BEGIN, 2, SPAN_LIT("\1\0\0\0\0\0\0\0\1\0\0\0\0\0"));
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAY(a_content_is_asked_for_and_given_back),
        PLAY(jobs_follow_each_other),
        PLAY(a_long_content_goes_in_pieces_both_ways),
        PLAY(what_the_content_forbids_is_refused_with_its_reason),
        PLAY(a_content_that_is_none_is_refused),
        PLAY(an_unknown_operation_ends_it),
        PLAY(arguments_that_do_not_read_end_it),
        PLAY(a_frame_that_is_no_job_ends_it),
        PLAY(a_piece_of_another_place_ends_it),
        PLAY(a_piece_that_is_too_short_ends_it),
        PLAY(a_piece_of_another_job_ends_it),
        PLAY(a_second_job_within_the_first_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
