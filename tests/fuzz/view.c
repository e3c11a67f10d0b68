/*
 * What `mhs read` shows of an entry that a stranger wrote: u16 length, so many
 * octets of a delivery envelope, then the content. Nothing that is printed can
 * drive the terminal: no control character, no octet that is not UTF-8.
 */
#include "mhs/view.h"

#include <stdlib.h>

#include "asn1/ber.h"
#include "base/reader.h"
#include "base/text.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void check_printed(struct span text) {
    require(text_is_utf8(text));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], next = i + 1 < text.len ? text.data[i + 1] : 0;
        require((c >= ' ' && c != 0x7F) || c == '\n' || c == '\t');
        require(c != 0xC2 || next >= 0xA0); /* U+0080 to U+009F */
    }
}

static void print(const json_t *view) {
    char *text = NULL;
    size_t length = 0;
    FILE *before = stdout, *memory = open_memstream(&text, &length);
    require(memory);
    stdout = memory;
    view_print(view, NULL);
    stdout = before;
    fclose(memory);
    check_printed(span_of((uint8_t *)text, length));
    free(text);
}

/* As entry_open reads it. */
static bool read_envelope(struct entry *entry, struct span octets) {
    struct x411p3_MessageDeliveryEnvelope *message = arena_alloc(entry->arena, sizeof *message);
    struct x411p3_ReportDeliveryEnvelope *report = arena_alloc(entry->arena, sizeof *report);
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    if (!message || !report)
        return false;
    if (ber_decode(&x411p3_MessageDeliveryEnvelope_type, octets, entry->arena, &relaxed, message, NULL))
        entry->message = message;
    else if (ber_decode(&x411p3_ReportDeliveryEnvelope_type, octets, entry->arena, &relaxed, report, NULL))
        entry->report = report;
    return entry->message || entry->report;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct arena arena;
    arena_init(&arena, (size_t)32 << 20);
    size_t length = reader_u16(&in);
    struct span envelope = reader_take(&in, length < reader_left(&in) ? length : reader_left(&in));
    struct entry entry = {.mailbox = "/C=GB/A=GOLD/S=x",
                          .number = 1,
                          .arena = &arena,
                          .arrival = 1795651200,
                          .size = 9,
                          .content_type = "22"};
    if (read_envelope(&entry, envelope)) {
        entry.content = reader_take(&in, reader_left(&in));
        json_t *view = view_entry(&entry);
        if (view)
            print(view);
        json_decref(view);
    }
    arena_free(&arena);
    return 0;
}
