/* libmhs against a daemon that is played: errors have numbers, nonsense ends the connection, not the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "chasqui/mhs.h"
#include "ipc/frames.h"
#include "ipc/payload.h"

#define ANN "/C=GB/A=GOLD/P=ALPHA/S=ann/"
#define BEN "/C=GB/A=GOLD/P=ALPHA/S=ben/"

/* ---- the other side ---- */

/* What it does with a frame of the client: answers it, or nothing, or ends. */
struct act {
    enum ipc_type expected; /* 0: it comes unasked */
    enum ipc_type type;     /* 0: no answer */
    struct span payload;
    bool other_ref; /* the answer is about the connection */
    bool end;       /* the connection ends then */
};

struct stage {
    char folder[32], path[64];
    int listener;
    const struct act *acts;
    size_t count;
    unsigned connections;
    sem_t ended; /* once for each connection that the other side ended */
    pthread_t thread;
    struct mhs_session *session;
};

static bool read_all(int fd, void *to, size_t length) {
    return length == 0 || recv(fd, to, length, MSG_WAITALL) == (ssize_t)length;
}

static uint64_t number_at(const uint8_t *octets, size_t length) {
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++)
        number = number << 8 | octets[i];
    return number;
}

/* The next frame's type and ref. */
static bool receive(int fd, enum ipc_type *type, uint64_t *ref) {
    uint8_t head[16], skip[4096];
    if (!read_all(fd, head, sizeof head))
        return false;
    *type = (enum ipc_type)number_at(head + 4, 2);
    *ref = number_at(head + 8, 8);
    for (size_t left = number_at(head, 4), now; left; left -= now) {
        now = left < sizeof skip ? left : sizeof skip;
        if (!read_all(fd, skip, now))
            return false;
    }
    return true;
}

static void send_frame(int fd, enum ipc_type type, uint64_t ref, struct span payload) {
    struct buf frame;
    buf_init(&frame, 0);
    buf_append_u32(&frame, (uint32_t)payload.len);
    buf_append_u16(&frame, (uint16_t)type);
    buf_append_u16(&frame, 0);
    buf_append_u64(&frame, ref);
    buf_append_span(&frame, payload);
    assert_int_equal(send(fd, frame.data, frame.len, MSG_NOSIGNAL), (ssize_t)frame.len);
    buf_free(&frame);
}

static void *play(void *context) {
    static const char welcome[] = "\0\0\0\6\0\x4B\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0";
    struct stage *stage = context;
    int fd = -1;
    for (size_t i = 0; i < stage->count; i++) {
        const struct act *act = &stage->acts[i];
        enum ipc_type type = 0;
        uint64_t ref = 0;
        if (fd < 0) {
            fd = accept(stage->listener, NULL, NULL);
            stage->connections++;
            if (!receive(fd, &type, &ref) || type != IPC_HELLO)
                break;
            if (act->expected) /* a client that cancels may be gone already */
                send(fd, welcome, sizeof welcome - 1, MSG_NOSIGNAL);
        }
        if (act->expected && (!receive(fd, &type, &ref) || type != act->expected))
            break;
        if (act->type)
            send_frame(fd, act->type, act->other_ref ? 0 : ref, act->payload);
        if (act->end) {
            close(fd);
            fd = -1;
            sem_post(&stage->ended);
        }
    }
    if (fd >= 0) { /* until the client ends */
        uint8_t rest[4096];
        while (recv(fd, rest, sizeof rest, 0) > 0)
            ;
        close(fd);
    }
    return NULL;
}

static void raise_curtain(struct stage *stage, const struct act *acts, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *stage = (struct stage){.folder = "/tmp/libmhs.XXXXXX", .acts = acts, .count = count};
    sem_init(&stage->ended, 0, 0);
    assert_non_null(mkdtemp(stage->folder));
    snprintf(stage->path, sizeof stage->path, "%s/sock", stage->folder);
    memcpy(address.sun_path, stage->path, strlen(stage->path) + 1);
    stage->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stage->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(stage->listener, 4), 0);
    assert_int_equal(mhs_open(stage->path, &stage->session), MHS_OK);
    assert_int_equal(pthread_create(&stage->thread, NULL, play, stage), 0);
}

static void lower_curtain(struct stage *stage) {
    mhs_close(stage->session);
    assert_int_equal(pthread_join(stage->thread, NULL), 0);
    close(stage->listener);
    unlink(stage->path);
    rmdir(stage->folder);
}

#define ACTS(...)                                                                                            \
    static const struct act acts[] = {__VA_ARGS__};                                                          \
    struct stage stage;                                                                                      \
    raise_curtain(&stage, acts, sizeof acts / sizeof *acts)
#define TEXT(text)                                                                                           \
    { (const uint8_t *)(text), sizeof(text) - 1 }

/* ---- errors ---- */

static void test_codes(void **state) {
    (void)state;
    assert_string_equal(mhs_code_name(MHS_OK), "ok");
    assert_string_equal(mhs_code_name(MHS_NOT_FOUND), "not-found");
    assert_string_equal(mhs_code_name(MHS_REMOTE_BIND_ERROR), "remote-bind-error");
    assert_string_equal(mhs_code_name((enum mhs_code)9999), "unknown");
}

static void test_unreachable(void **state) {
    (void)state;
    struct mhs_session *session;
    char *answer;
    assert_int_equal(mhs_open("unix:/nowhere/mhsd.sock", &session), MHS_OK); /* nothing is connected yet */
    assert_string_equal(mhs_error_text(session), "");
    assert_int_equal(mhs_operate(session, "{\"operation\": \"status\"}", &answer), MHS_UNREACHABLE);
    assert_null(answer);
    assert_non_null(strstr(mhs_error_text(session), "/nowhere/mhsd.sock"));
    assert_string_equal(mhs_error_name(session), "unreachable");
    mhs_close(session);
    mhs_close(NULL);
}

static void test_refusals(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, IPC_RESPONSE,
          TEXT("\1{\"error\":{\"code\":\"not-found\",\"text\":\"no such mailbox\"}}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"error\":{\"code\":\"of-the-future\"}}")},
         {IPC_REQUEST, IPC_RESPONSE,
          TEXT("\1{\"error\":{\"code\":\"bad-configuration\",\"text\":\"t\",\"complaints\":[\"one\",\"two\"]}"
               "}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"copies\":[]}")});
    char *answer;
    assert_int_equal(mhs_delete(stage.session, ANN, 7), MHS_NOT_FOUND);
    assert_string_equal(mhs_error_text(stage.session), "no such mailbox");
    assert_int_equal(mhs_delete(stage.session, ANN, 7), MHS_REFUSED);
    assert_string_equal(mhs_error_name(stage.session), "of-the-future");
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_BAD_CONFIGURATION);
    assert_string_equal(mhs_error_complaint(stage.session, 1), "two");
    assert_null(mhs_error_complaint(stage.session, 2));
    assert_null(mhs_error_recipient(stage.session, 0));
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_OK); /* the connection goes on */
    assert_string_equal(answer, "{\"copies\":[]}");
    free(answer);
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 1);
}

static void test_refused_connection(void **state) {
    (void)state;
    ACTS(
        {0, IPC_RESPONSE, TEXT("\1{\"error\":{\"code\":\"unavailable\",\"text\":\"too many\"}}"), true, true},
        {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{}")});
    char *answer;
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_UNAVAILABLE);
    assert_string_equal(mhs_error_text(stage.session), "too many");
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_OK); /* it connects anew */
    free(answer);
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 2);
}

/* A session that lives longer than the daemon asks on when another one runs. */
static void test_daemon_that_ended(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, IPC_RESPONSE, TEXT("\1{}"), false, true}, {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{}")});
    char *answer;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_OK);
        free(answer);
        if (i == 0)
            assert_int_equal(sem_wait(&stage.ended), 0);
    }
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 2);
}

/* ---- nonsense ---- */

static void test_nonsense(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"entries\":"), false, true},
         {IPC_REQUEST, IPC_FETCH_DATA, TEXT(""), false, true},
         {IPC_REQUEST, IPC_RESPONSE, TEXT(""), false, true},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\2{}"), false, true}, /* a flag that is none */
         {IPC_REQUEST, IPC_STOP, TEXT(""), false, true},         /* not a client's to get */
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{}"), false, true});
    char *answer;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_PROTOCOL);
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_OK);
    free(answer);
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 6); /* each ended the connection */
}

static bool keep(void *context, struct mhs_octets piece) {
    return buf_append(context, piece.data, piece.length);
}

static void test_other_piece(void **state) {
    (void)state;
    /* offset 9 instead of 0, then a total without octets */
    ACTS({IPC_FETCH, IPC_FETCH_DATA, TEXT("\0\0\0\0\0\0\0\11\0\0\0\0\0\0\0\1x"), false, true},
         {IPC_FETCH, IPC_FETCH_DATA, TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), false, true},
         {IPC_FETCH, IPC_FETCH_DATA, TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2ab")});
    const struct mhs_fetch fetch = {.mailbox = ANN, .entry = 1},
                           one = {.mailbox = ANN, .entry = 1, .length = 1};
    struct buf got;
    buf_init(&got, 0);
    assert_int_equal(mhs_fetch(stage.session, &fetch, keep, &got, NULL), MHS_PROTOCOL);
    assert_int_equal(mhs_fetch(stage.session, &fetch, keep, &got, NULL), MHS_PROTOCOL);
    assert_int_equal(mhs_fetch(stage.session, &one, keep, &got, NULL),
                     MHS_PROTOCOL); /* more than was asked for */
    assert_int_equal(got.len, 0);
    buf_free(&got);
    lower_curtain(&stage);
}

static void test_silence(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, 0});
    char *answer;
    mhs_set_timeout(stage.session, 50);
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_TIMED_OUT);
    lower_curtain(&stage);
}

/* ---- mailboxes ---- */

struct seen {
    size_t count, most;
    struct mhs_entry last;
    char originator[64];
};

static bool look(void *context, const struct mhs_entry *entry) {
    struct seen *seen = context;
    seen->last = *entry;
    snprintf(seen->originator, sizeof seen->originator, "%s", entry->originator ? entry->originator : "");
    return ++seen->count < seen->most;
}

static void test_list(void **state) {
    (void)state;
    ACTS(
        {IPC_REQUEST, IPC_RESPONSE,
         TEXT("\1{\"entries\":[{\"entry\":3,\"kind\":\"message\",\"mts-identifier\":\"[x;1]\",\"originator\":"
              "\"" BEN
              "\",\"arrival\":\"2026-11-29T22:00:00Z\",\"submitted\":null,\"size\":5,\"priority\":\"urgent\","
              "\"seen\":true,\"notified\":false}],\"cursor\":3}")},
        {IPC_REQUEST, IPC_RESPONSE,
         TEXT("\1{\"entries\":[{\"entry\":4,\"kind\":\"damaged\",\"damage\":\"gone\"}],\"cursor\":4}")},
        {IPC_REQUEST, IPC_RESPONSE,
         TEXT("\1{\"entries\":[{\"entry\":5,\"kind\":\"report\",\"delivered\":2}]}")});
    struct seen seen = {.most = 1};
    const struct mhs_list list = {.mailbox = ANN}, two = {.mailbox = ANN, .after = 3, .limit = 2};
    uint64_t more = 0;
    assert_int_equal(mhs_list(stage.session, &list, look, &seen, NULL), MHS_STOPPED);
    assert_int_equal(seen.last.number, 3);
    assert_int_equal(seen.last.arrival, 1795989600);
    assert_int_equal(seen.last.priority, MHS_URGENT);
    assert_int_equal(seen.last.kind, MHS_MESSAGE);
    assert_true(seen.last.seen);
    assert_string_equal(seen.originator, BEN);
    seen = (struct seen){.most = 9};
    assert_int_equal(mhs_list(stage.session, &two, look, &seen, &more), MHS_OK); /* two pages */
    assert_int_equal(seen.count, 2);
    assert_int_equal(more, 0);
    assert_int_equal(seen.last.kind, MHS_REPORT);
    assert_int_equal(seen.last.delivered, 2);
    lower_curtain(&stage);
}

static void test_pages(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, IPC_RESPONSE, TEXT("\0{\"entries\":[{\"entry\":1}]}")},
         {0, IPC_RESPONSE, TEXT("\1{}"), true, true});
    struct seen seen = {.most = 9};
    const struct mhs_list list = {.mailbox = ANN};
    /* the last part is about the connection: a list that is not whole is none */
    assert_int_not_equal(mhs_list(stage.session, &list, look, &seen, NULL), MHS_OK);
    assert_int_equal(seen.count, 0);
    lower_curtain(&stage);
}

static void test_wait(void **state) {
    (void)state;
    ACTS({IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"entries\":[]}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"entries\":[]}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"entries\":[{\"entry\":9}],\"cursor\":9}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"entries\":[]}")},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{\"error\":{\"code\":\"not-permitted\",\"text\":\"t\"}}")});
    uint64_t entry;
    assert_int_equal(mhs_wait(stage.session, ANN, 8, -1, &entry), MHS_OK);
    assert_int_equal(entry, 9);
    assert_int_equal(mhs_wait(stage.session, ANN, 9, 0, &entry), MHS_TIMED_OUT); /* looks once */
    assert_int_equal(entry, 0);
    assert_int_equal(mhs_wait(stage.session, ANN, 9, 60000, &entry), MHS_NOT_PERMITTED);
    assert_int_equal(mhs_wait(stage.session, NULL, 9, 0, &entry), MHS_INVALID);
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 1);
}

static void test_arguments(void **state) {
    (void)state;
    struct mhs_session *session;
    struct mhs_submitted submitted;
    const struct mhs_submission nobody = {.originator = {.text = ANN}};
    const struct mhs_recipient wrong = {.name = {.text = "/PN=/"}}, right = {.name = {.text = BEN}};
    const struct mhs_submission misspelt = {.originator = {.text = ANN},
                                            .recipients = &wrong,
                                            .recipient_count = 1},
                                strange = {.originator = {.text = ANN},
                                           .recipients = &right,
                                           .recipient_count = 1,
                                           .content_type_oid = "2.six"},
                                late = {.originator = {.text = ANN},
                                        .recipients = &right,
                                        .recipient_count = 1,
                                        .deferred_delivery = INT64_MAX / 2};
    const struct mhs_list list = {0};
    assert_int_equal(mhs_open("/nowhere", &session), MHS_OK);
    assert_int_equal(mhs_submit(session, &nobody, (struct mhs_octets){"", 0}, &submitted), MHS_INVALID);
    assert_int_equal(mhs_submit_begin(session, &misspelt), MHS_INVALID);
    assert_non_null(strstr(mhs_error_text(session), "/PN=/"));
    assert_int_equal(mhs_submit_begin(session, &strange), MHS_INVALID);
    assert_int_equal(mhs_probe(session, &late, &submitted), MHS_UNREACHABLE); /* a probe has no such time */
    assert_int_equal(mhs_submit_begin(session, &late), MHS_INVALID);
    assert_int_equal(mhs_submit_content(session, "x", 1), MHS_WRONG_STATE);
    assert_int_equal(mhs_submit_end(session, &submitted), MHS_WRONG_STATE);
    assert_int_equal(mhs_list(session, &list, look, NULL, NULL), MHS_INVALID);
    assert_int_equal(mhs_delete(session, ANN, 0), MHS_INVALID);
    mhs_submit_cancel(session);
    mhs_close(session);
}

/* ---- submission ---- */

static const struct mhs_recipient to_ben = {.name = {.text = BEN}};
static const struct mhs_submission from_ann = {
    .originator = {.text = ANN}, .recipients = &to_ben, .recipient_count = 1};

/* MessageSubmissionResult: [APPLICATION 4] { [APPLICATION 3] { country, admd }, local identifier }, time */
#define RESULT                                                                                               \
    "\1\x31\x29\x64\x18\x63\x0E\x61\x04\x13\x02GB\x62\x06\x13\x04GOLD\x16\x06local1\x80\x0D"                 \
    "261129220000Z"

static void test_submission(void **state) {
    (void)state;
    ACTS({IPC_SUBMIT_BEGIN, 0}, {IPC_SUBMIT_CONTENT, 0}, {IPC_SUBMIT_END, IPC_SUBMIT_RESULT, TEXT(RESULT)},
         {IPC_SUBMIT_BEGIN, 0}, {IPC_SUBMIT_END, IPC_SUBMIT_RESULT, TEXT("\1\x31\x00")});
    struct mhs_submitted submitted;
    char *answer;
    assert_int_equal(mhs_submit_begin(stage.session, &from_ann), MHS_OK);
    assert_int_equal(mhs_operate(stage.session, "{}", &answer),
                     MHS_WRONG_STATE); /* only its content goes between */
    assert_int_equal(mhs_submit_begin(stage.session, &from_ann), MHS_WRONG_STATE);
    assert_int_equal(mhs_submit_content(stage.session, "x", 1), MHS_OK);
    assert_int_equal(mhs_submit_content(stage.session, NULL, 0), MHS_OK);
    assert_int_equal(mhs_submit_end(stage.session, &submitted), MHS_OK);
    assert_string_equal(submitted.identifier, "[/ADMD=GOLD/C=GB/;local1]");
    assert_int_equal(submitted.time, 1795989600);
    assert_int_equal(mhs_submit(stage.session, &from_ann, (struct mhs_octets){NULL, 0}, &submitted),
                     MHS_PROTOCOL);
    lower_curtain(&stage);
}

static void test_refused_submission(void **state) {
    (void)state;
    ACTS({IPC_SUBMIT_BEGIN, 0}, {IPC_SUBMIT_END, IPC_SUBMIT_RESULT,
                                 TEXT("\0{\"error\":{\"code\":\"recipient-improperly-specified\",\"text\":"
                                      "\"one is none\",\"recipients\":[\"" BEN "\"]}}")});
    struct mhs_submitted submitted;
    enum mhs_code code = mhs_submit(stage.session, &from_ann, (struct mhs_octets){NULL, 0}, &submitted);
    assert_int_equal(code, MHS_RECIPIENT_IMPROPERLY_SPECIFIED);
    assert_string_equal(mhs_error_recipient(stage.session, 0), BEN);
    assert_int_equal(mhs_submit_end(stage.session, &submitted), MHS_WRONG_STATE); /* it is over */
    lower_curtain(&stage);
}

/* The daemon says at once that it is too large: who streams for long hears it before the end. */
static void test_early_refusal(void **state) {
    (void)state;
    ACTS(
        {IPC_SUBMIT_BEGIN, IPC_SUBMIT_RESULT, TEXT("\0{\"error\":{\"code\":\"too-large\",\"text\":\"t\"}}")});
    enum mhs_code code = mhs_submit_begin(stage.session, &from_ann);
    assert_int_equal(code, MHS_OK);
    for (unsigned i = 0; code == MHS_OK && i < 100000; i++) {
        code = mhs_submit_content(stage.session, "x", 1);
        usleep(code == MHS_OK ? 100 : 0);
    }
    assert_int_equal(code, MHS_TOO_LARGE);
    lower_curtain(&stage);
}

static void test_cancel(void **state) {
    (void)state;
    ACTS({IPC_SUBMIT_BEGIN, 0}, {IPC_SUBMIT_CONTENT, 0, {NULL, 0}, false, true},
         {IPC_REQUEST, IPC_RESPONSE, TEXT("\1{}")});
    char *answer;
    assert_int_equal(mhs_submit_begin(stage.session, &from_ann), MHS_OK);
    assert_int_equal(mhs_submit_content(stage.session, "x", 1), MHS_OK);
    mhs_submit_cancel(stage.session);
    assert_int_equal(mhs_operate(stage.session, "{}", &answer), MHS_OK);
    free(answer);
    lower_curtain(&stage);
    assert_int_equal(stage.connections, 2); /* the submission went with its connection */
}

/* ---- texts ---- */

static void test_texts(void **state) {
    (void)state;
    struct mhs_session *session;
    struct mhs_octets content;
    const char *subject, *text;
    assert_int_equal(mhs_open("/nowhere", &session), MHS_OK);
    for (unsigned i = 0; i < 2; i++) {
        const char *said = i ? "Grüße, Москва" : "It runs.";
        assert_int_equal(mhs_text_make(session, &from_ann, "Hello", said, &content), MHS_OK);
        assert_int_equal(mhs_text_read(session, content, &subject, &text), MHS_OK);
        assert_string_equal(subject, "Hello");
        assert_string_equal(text, said);
    }
    assert_int_equal(mhs_text_make(session, &from_ann, NULL, "", &content), MHS_OK);
    assert_int_equal(mhs_text_read(session, content, &subject, &text), MHS_OK);
    assert_null(subject);
    assert_int_equal(mhs_text_make(session, &from_ann, NULL, "\xff", &content), MHS_INVALID);
    assert_null(content.data);
    assert_int_equal(mhs_text_read(session, (struct mhs_octets){"x", 1}, &subject, &text), MHS_INVALID);
    mhs_close(session);
}

/* Two threads, each with a session of its own, at what has state of the whole process. */
static void *make_and_read(void *context) {
    const char *said = context;
    struct mhs_session *session;
    bool right = mhs_open("/nowhere", &session) == MHS_OK;
    for (unsigned i = 0; right && i < 2000; i++) {
        struct mhs_octets content;
        const char *subject, *text;
        right = mhs_text_make(session, &from_ann, said, said, &content) == MHS_OK &&
                mhs_text_read(session, content, &subject, &text) == MHS_OK && strcmp(text, said) == 0 &&
                strcmp(subject, said) == 0;
    }
    mhs_close(session);
    return right ? context : NULL;
}

static void test_threads(void **state) {
    (void)state;
    static char *const said[] = {"Grüße aus Köln", "Žluťoučký kůň", "Москва"};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_read, said[i]), 0);
    bool right = true;
    for (size_t i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        right = right && result;
    }
    assert_true(right);
}

/* Every allocation fails once: an error and no more. */
static void test_no_memory(void **state) {
    (void)state;
    for (int64_t pass = 0; pass < 40; pass++) {
        struct mhs_session *session;
        struct mhs_octets content = {NULL, 0};
        const char *subject, *text;
        mem_fail_after(pass);
        enum mhs_code code = mhs_open("/nowhere", &session);
        if (code == MHS_OK)
            code = mhs_text_make(session, &from_ann, "Hello", "text", &content);
        if (code == MHS_OK)
            code = mhs_text_read(session, content, &subject, &text);
        if (code == MHS_OK)
            code = mhs_submit_begin(session, &from_ann);
        mem_fail_after(-1);
        assert_int_not_equal(code, MHS_OK);
        mhs_close(session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_connection),
        cmocka_unit_test(test_daemon_that_ended),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_other_piece),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_submission),
        cmocka_unit_test(test_refused_submission),
        cmocka_unit_test(test_early_refusal),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
