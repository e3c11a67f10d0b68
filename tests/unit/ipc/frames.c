/*
 * The table of frames: its document, and what it takes and refuses.
 * CHASQUI_WRITE_DOCS=1 writes docs/frames.md anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../document.h"
#include "base/buf.h"
#include "ipc/frame.h"
#include "ipc/payload.h"

static const struct {
    enum ipc_party party;
    const char *name;
} parties[] = {{IPC_STORE, "store"},   {IPC_NET, "net"},   {IPC_CLIENTS, "clients"}, {IPC_CLIENT, "client"},
               {IPC_READER, "reader"}, {IPC_WORK, "work"}, {IPC_PARENT, "parent"}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the document ---- */

static const char head[] = "# Frames: what Chasqui's processes say to each other\n\n"
                           "This page is made of the table in `src/ipc/frame.c` (`tests/unit/ipc/frames.c` "
                           "compares them; run it with\n"
                           "`CHASQUI_WRITE_DOCS=1` to write the page anew). `docs/local-protocol.md` tells "
                           "what a client of the local socket\n"
                           "says with them.\n\n"
                           "A frame is a header of 16 octets and a payload: length of the payload (u32), "
                           "number (u16), zero (u16), ref (u64);\n"
                           "integers are big-endian. `octets` are a u32 length and so many octets, `rest` is "
                           "all that is left. A number is\n"
                           "never used again for anything else.\n\n"
                           "A frame that its sender may not send, whose ref or payload is not as it stands "
                           "here, or that comes when it may not\n"
                           "(*when*: what holds of the thing that the ref names) ends the sender, by name. "
                           "One for something that has ended\n"
                           "while the frame was on its way is passed over. What a client sends in the "
                           "payload of its own frames is answered,\n"
                           "right or wrong, and ends nothing.\n";

static const char *about_text(enum ipc_about about) {
    static const char *const texts[] = {[IPC_ABOUT_PROCESS] = "0",
                                        [IPC_ABOUT_PARTS] = "1 while more parts follow, 0 with the last",
                                        [IPC_ABOUT_ASSOCIATION] = "association",
                                        [IPC_ABOUT_PING] = "ping",
                                        [IPC_ABOUT_CLIENT] = "client",
                                        [IPC_ABOUT_REQUEST] = "request",
                                        [IPC_ABOUT_JOB] = "job"};
    return texts[about];
}

static void put_parties(struct buf *out, unsigned set) {
    const char *between = "";
    for (size_t i = 0; i < COUNT(parties); i++)
        if (set & parties[i].party) {
            buf_printf(out, "%s%s", between, parties[i].name);
            between = ", ";
        }
}

static void put_states(struct buf *out, unsigned states) {
    const char *between = "";
    for (unsigned bit = IPC_STATE_GONE; bit <= IPC_STATE_DELIVERING; bit <<= 1)
        if (states & bit) {
            buf_printf(out, "%s%s", between, ipc_state_name((enum ipc_state)bit));
            between = " or ";
        }
}

static void put_field(struct buf *out, const struct ipc_field *field) {
    static const char *const kinds[] = {"u8", "u16", "u32", "u64", "octets", "rest"};
    static const uint64_t most[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX};
    buf_printf(out, "- %s %s", kinds[field->kind], field->name);
    if (field->most != most[field->kind])
        buf_printf(out, ": %llu to %llu%s", (unsigned long long)field->least, (unsigned long long)field->most,
                   field->kind >= IPC_OCTETS ? " octets" : "");
    else if (field->least)
        buf_printf(out, ": at least %llu%s", (unsigned long long)field->least,
                   field->kind >= IPC_OCTETS ? " octets" : "");
    buf_printf(out, "%s\n", field->optional ? "; from here on all may be absent" : "");
}

static void put_frame(struct buf *out, unsigned number, const struct ipc_frame *frame) {
    buf_printf(out, "\n## %u `%s`\n\n", number, frame->name);
    put_parties(out, frame->from);
    buf_printf(out, " to ");
    put_parties(out, frame->to);
    buf_printf(out, "; ref: %s; when: ", about_text(frame->about));
    put_states(out, frame->states);
    buf_printf(out, "; at most %zu octets\n%s", frame->most, frame->field_count ? "\n" : "");
    for (size_t i = 0; i < frame->field_count; i++)
        put_field(out, &frame->fields[i]);
    if (*frame->help)
        buf_printf(out, "\n%s\n", frame->help);
}

static void the_document_is_what_the_table_says(void **state) {
    struct buf out;
    (void)state;
    buf_init(&out, 0);
    buf_printf(&out, "%s", head);
    for (unsigned number = 0; number < IPC_NUMBERS; number++)
        if (ipc_frame((enum ipc_type)number))
            put_frame(&out, number, ipc_frame((enum ipc_type)number));
    document_is("frames.md", &out, "src/ipc/frame.c");
    buf_free(&out);
}

/* ---- numbers ---- */

/* They travel between a client and a daemon of another version. */
static void numbers_stay(void **state) {
    (void)state;
    assert_string_equal(ipc_frame((enum ipc_type)64)->name, "request");
    assert_string_equal(ipc_frame((enum ipc_type)65)->name, "response");
    assert_string_equal(ipc_frame((enum ipc_type)66)->name, "submit-begin");
    assert_string_equal(ipc_frame((enum ipc_type)67)->name, "submit-content");
    assert_string_equal(ipc_frame((enum ipc_type)68)->name, "submit-end");
    assert_string_equal(ipc_frame((enum ipc_type)69)->name, "submit-result");
    assert_string_equal(ipc_frame((enum ipc_type)70)->name, "fetch");
    assert_string_equal(ipc_frame((enum ipc_type)71)->name, "fetch-data");
    assert_null(ipc_frame((enum ipc_type)0));
    assert_null(ipc_frame((enum ipc_type)IPC_NUMBERS));
    assert_null(ipc_frame((enum ipc_type) - 1));
}

static void names_are_different(void **state) {
    (void)state;
    for (unsigned a = 0; a < IPC_NUMBERS; a++)
        for (unsigned b = 0; ipc_frame((enum ipc_type)a) && b < a; b++)
            if (ipc_frame((enum ipc_type)b))
                assert_string_not_equal(ipc_frame((enum ipc_type)a)->name, ipc_frame((enum ipc_type)b)->name);
}

/* ---- what it takes ---- */

static unsigned width(enum ipc_field_kind kind) {
    return kind == IPC_U8 ? 1 : kind == IPC_U16 ? 2 : kind == IPC_U64 ? 8 : 4;
}

static void put_value(struct buf *out, enum ipc_field_kind kind, uint64_t value) {
    for (unsigned i = kind == IPC_REST ? 0 : width(kind); i-- > 0;)
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
    for (uint64_t i = 0; kind >= IPC_OCTETS && i < value; i++)
        buf_append_byte(out, 'x');
}

/* The shortest payload, but for the field `at`, which is `value`. */
static void fill(const struct ipc_frame *frame, size_t at, uint64_t value, struct buf *out) {
    buf_clear(out);
    for (size_t i = 0; i < frame->field_count; i++)
        put_value(out, frame->fields[i].kind, i == at ? value : frame->fields[i].least);
}

static bool takes(enum ipc_party from, enum ipc_party to, unsigned number, uint64_t ref,
                  struct span payload) {
    const struct ipc_side side = {.self = to, .other = from};
    char why[IPC_WHY] = "";
    bool taken = ipc_frame_take(&side, (enum ipc_type)number, ref, payload, why);
    assert_int_equal(taken, why[0] == '\0');
    return taken;
}

static enum ipc_party first(unsigned set) {
    return (enum ipc_party)(set & -set);
}

/* Somebody that sends it, somebody else who gets it, and a ref that is right between them. */
static void ends_of(const struct ipc_frame *frame, enum ipc_party *from, enum ipc_party *to, uint64_t *ref) {
    *from = first(frame->from);
    *to = first(frame->to & ~(unsigned)*from);
    bool local = *from == IPC_CLIENT || *to == IPC_CLIENT;
    *ref = frame->about <= IPC_ABOUT_PARTS               ? 0
           : frame->about == IPC_ABOUT_REQUEST && !local ? UINT64_C(7) << 32 | 1
                                                         : 1;
}

static void each_frame_is_taken_from_its_senders_alone(void **state) {
    struct buf payload;
    (void)state;
    buf_init(&payload, 0);
    for (unsigned number = 0; number < IPC_NUMBERS; number++) {
        const struct ipc_frame *frame = ipc_frame((enum ipc_type)number);
        enum ipc_party from, to;
        uint64_t ref;
        if (!frame) {
            assert_false(takes(IPC_NET, IPC_STORE, number, 1, (struct span){NULL, 0}));
            continue;
        }
        ends_of(frame, &from, &to, &ref);
        fill(frame, SIZE_MAX, 0, &payload);
        assert_true(takes(from, to, number, ref, buf_span(&payload)));
        for (size_t i = 0; i < COUNT(parties); i++) {
            if (!(frame->from & parties[i].party))
                assert_false(takes(parties[i].party, to, number, ref, buf_span(&payload)));
            if (!(frame->to & parties[i].party))
                assert_false(takes(from, parties[i].party, number, ref, buf_span(&payload)));
        }
        if (frame->about != IPC_ABOUT_PARTS && frame->about != IPC_ABOUT_REQUEST)
            assert_false(takes(from, to, number, !ref, buf_span(&payload)));
    }
    buf_free(&payload);
}

/* Each field at its bounds, and beyond; each payload cut short, and with an octet too many. */
static void fields_are_bounded(void **state) {
    struct buf payload;
    (void)state;
    buf_init(&payload, 0);
    for (unsigned number = 0; number < IPC_NUMBERS; number++) {
        const struct ipc_frame *frame = ipc_frame((enum ipc_type)number);
        enum ipc_party from, to;
        uint64_t ref;
        if (!frame || frame->open)
            continue;
        ends_of(frame, &from, &to, &ref);
        for (size_t i = 0; i < frame->field_count; i++) {
            const struct ipc_field *field = &frame->fields[i];
            bool octets = field->kind >= IPC_OCTETS, bounded = !octets || field->most < frame->most;
            uint64_t largest = octets ? UINT32_MAX : UINT64_MAX >> (64 - 8 * width(field->kind));
            fill(frame, i, bounded ? field->most : field->least, &payload);
            assert_true(takes(from, to, number, ref, buf_span(&payload)));
            if (bounded && field->most < largest) {
                fill(frame, i, field->most + 1, &payload);
                assert_false(takes(from, to, number, ref, buf_span(&payload)));
            }
            if (field->least) {
                fill(frame, i, field->least - 1, &payload);
                assert_false(takes(from, to, number, ref, buf_span(&payload)));
            }
        }
        fill(frame, SIZE_MAX, 0, &payload);
        for (size_t length = 0; length < payload.len; length++)
            if (takes(from, to, number, ref, span_of(payload.data, length)))
                fail_msg("%s of %zu octets", frame->name, length);
        bool rest = frame->field_count && frame->fields[frame->field_count - 1].kind == IPC_REST;
        buf_append_byte(&payload, 'x');
        if (!rest)
            assert_false(takes(from, to, number, ref, buf_span(&payload)));
    }
    buf_free(&payload);
}

/* What a client sends is answered, whatever it is. */
static void a_clients_payload_is_no_breach(void **state) {
    (void)state;
    assert_true(takes(IPC_CLIENT, IPC_CLIENTS, IPC_SUBMIT_BEGIN, 1, SPAN_LIT("\7")));
    assert_true(takes(IPC_CLIENTS, IPC_STORE, IPC_FETCH, UINT64_C(1) << 32 | 1, SPAN_LIT("x")));
    assert_false(takes(IPC_CLIENT, IPC_CLIENTS, IPC_REQUEST, UINT64_C(1) << 32, SPAN_LIT("{}")));
    assert_false(takes(IPC_CLIENTS, IPC_STORE, IPC_REQUEST, 1, SPAN_LIT("{}")));
}

/* ---- when it takes it ---- */

static void a_frame_is_legal_in_its_states(void **state) {
    char why[IPC_WHY];
    const struct ipc_frame *content = ipc_frame(IPC_TRANSFER_CONTENT), *bind = ipc_frame(IPC_BIND);
    (void)state;
    assert_int_equal(ipc_frame_judge(content, IPC_STATE_UP | IPC_STATE_CONTENT, why), IPC_LEGAL);
    assert_int_equal(ipc_frame_judge(content, IPC_STATE_UP | IPC_STATE_ENVELOPE, why), IPC_BREACH);
    assert_string_equal(why, "frame transfer-content, which may not come now: (there) (envelope comes in)");
    assert_int_equal(ipc_frame_judge(content, IPC_STATE_NEW | IPC_STATE_GONE, why), IPC_LATE);
    assert_int_equal(ipc_frame_judge(bind, IPC_STATE_NEW | IPC_STATE_GONE, why), IPC_LEGAL);
    assert_int_equal(ipc_frame_judge(bind, IPC_STATE_UP | IPC_STATE_NO_INBOUND, why), IPC_BREACH);
    for (unsigned number = 0; number < IPC_NUMBERS; number++) /* the longest reason fits */
        if (ipc_frame((enum ipc_type)number))
            ipc_frame_judge(ipc_frame((enum ipc_type)number), ~(unsigned)IPC_STATE_GONE, why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_is_what_the_table_says),
        cmocka_unit_test(numbers_stay),
        cmocka_unit_test(names_are_different),
        cmocka_unit_test(each_frame_is_taken_from_its_senders_alone),
        cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(a_clients_payload_is_no_breach),
        cmocka_unit_test(a_frame_is_legal_in_its_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
