#include "content/transcode_private.h"

#include "base/alloc.h"
#include "base/text.h"

struct run {
    struct scan *scan;
    struct text_stream stream;
    struct arena scratch; /* of one piece */
    uint8_t *lines;       /* TRANSCODE_LINE octets */
    size_t held;
    bool (*sink)(void *, struct span);
    void *context;
    struct transcoded *out;
};

static bool convert(struct run *run, size_t len) {
    bool lossy = false;
    arena_reset(&run->scratch);
    struct span utf8 = text_stream_next(&run->stream, span_of(run->lines, len), &run->scratch);
    struct span octets = utf8.data ? text_to_teletex(utf8, &run->scratch, &lossy) : utf8;
    if (!octets.data)
        return scan_fail(run->scan, SCAN_MEMORY);
    run->out->lossy |= lossy;
    run->out->non_ascii |= !text_is_ascii(octets);
    run->out->length += octets.len;
    run->held -= len;
    memmove(run->lines, run->lines + len, run->held);
    return !run->sink || !octets.len || run->sink(run->context, octets);
}

/* Whole lines: within one nothing is cut. */
static bool convert_lines(struct run *run) {
    const uint8_t *last = memrchr(run->lines, '\n', run->held);
    return last ? convert(run, (size_t)(last - run->lines) + 1) : scan_fail(run->scan, SCAN_LIMIT);
}

static bool feed(void *context, struct range segment) {
    struct run *run = context;
    const struct content_source *source = run->scan->source;
    while (segment.at < segment.end) {
        uint64_t left = segment.end - segment.at;
        size_t len = TRANSCODE_LINE - run->held < left ? TRANSCODE_LINE - run->held : (size_t)left;
        if (!source->read(source->context, segment.at, run->lines + run->held, len))
            return scan_fail(run->scan, SCAN_NO_INPUT);
        run->held += len;
        segment.at += len;
        if (run->held == TRANSCODE_LINE && !convert_lines(run))
            return false;
    }
    return true;
}

bool transcode(struct scan *scan, const struct place *place, const int64_t *registrations, size_t count,
               bool (*sink)(void *context, struct span octets), void *context, struct transcoded *out) {
    struct run run = {
        .scan = scan, .lines = mem_alloc(TRANSCODE_LINE), .sink = sink, .context = context, .out = out};
    *out = (struct transcoded){0};
    text_stream_init(&run.stream, registrations, count);
    arena_init(&run.scratch, 16 * TRANSCODE_LINE);
    bool ok = run.lines ? scan_string(scan, place, feed, &run) && convert(&run, run.held)
                        : scan_fail(scan, SCAN_MEMORY);
    out->lossy |= run.stream.damaged;
    arena_free(&run.scratch);
    mem_free(run.lines);
    return ok;
}
