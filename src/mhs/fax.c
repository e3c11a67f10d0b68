#include "mhs/fax.h"

#include <string.h>

enum {
    COLUMNS = 1728,
    PAGES_MOST = 4096,
    STRIPS_MOST = 65536,
    /* TIFF's tags and values */
    TAG_WIDTH = 256,
    TAG_LENGTH = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_FILL_ORDER = 266,
    TAG_STRIP_OFFSETS = 273,
    TAG_ROWS_PER_STRIP = 278,
    TAG_STRIP_COUNTS = 279,
    TAG_X_RESOLUTION = 282,
    TAG_Y_RESOLUTION = 283,
    TAG_T4_OPTIONS = 292,
    TAG_RESOLUTION_UNIT = 296,
    COMPRESSION_T4 = 3,
    LOW_BIT_FIRST = 2
};

/* ---- reading ---- */

struct tiff {
    struct span file;
    bool big_endian, broken;
};

static uint32_t number_at(struct tiff *tiff, size_t at, size_t width) {
    uint32_t value = 0;
    if (at > tiff->file.len || width > tiff->file.len - at) {
        tiff->broken = true;
        return 0;
    }
    for (size_t i = 0; i < width; i++)
        value = value << 8 | tiff->file.data[at + (tiff->big_endian ? i : width - 1 - i)];
    return value;
}

/* A field of a directory: how many values, and where they begin. */
struct field {
    uint32_t count;
    size_t at, width;
};

/* False: the directory has no such field. */
static bool find(struct tiff *tiff, size_t directory, uint32_t tag, struct field *field) {
    uint32_t entries = number_at(tiff, directory, 2);
    for (uint32_t i = 0; i < entries && !tiff->broken; i++) {
        size_t at = directory + 2 + 12 * (size_t)i;
        if (number_at(tiff, at, 2) != tag)
            continue;
        uint32_t type = number_at(tiff, at + 2, 2);
        *field = (struct field){number_at(tiff, at + 4, 4), at + 8,
                                type == 3   ? 2
                                : type == 5 ? 8
                                : type == 1 ? 1
                                            : 4};
        if (field->count > STRIPS_MOST)
            tiff->broken = true;
        else if (field->count * field->width > 4)
            field->at = number_at(tiff, at + 8, 4);
        return !tiff->broken;
    }
    return false;
}

static uint32_t value(struct tiff *tiff, size_t directory, uint32_t tag, uint32_t fallback) {
    struct field field;
    if (!find(tiff, directory, tag, &field) || field.count == 0)
        return fallback;
    if (field.width != 8)
        return number_at(tiff, field.at, field.width);
    uint32_t below = number_at(tiff, field.at + 4, 4); /* a fraction */
    return below ? number_at(tiff, field.at, 4) / below : fallback;
}

static uint8_t reversed(uint8_t octet) {
    uint8_t out = 0;
    for (unsigned bit = 0; bit < 8; bit++)
        out |= (uint8_t)((octet >> bit & 1) << (7 - bit));
    return out;
}

/* The strips one after the other. */
static bool read_strips(struct tiff *tiff, size_t directory, struct arena *arena, struct fax_page *page) {
    struct field offsets, counts;
    struct buf joined;
    if (!find(tiff, directory, TAG_STRIP_OFFSETS, &offsets) ||
        !find(tiff, directory, TAG_STRIP_COUNTS, &counts))
        return false;
    buf_init(&joined, 0);
    for (uint32_t i = 0; i < offsets.count && i < counts.count && !tiff->broken; i++) {
        size_t at = number_at(tiff, offsets.at + i * offsets.width, offsets.width);
        size_t length = number_at(tiff, counts.at + i * counts.width, counts.width);
        if (at > tiff->file.len || length > tiff->file.len - at)
            tiff->broken = true;
        else
            buf_append_span(&joined, span_of(tiff->file.data + at, length));
    }
    if (value(tiff, directory, TAG_FILL_ORDER, 1) == LOW_BIT_FIRST)
        for (size_t i = 0; i < joined.len; i++)
            joined.data[i] = reversed(joined.data[i]);
    bool done = !joined.failed && !tiff->broken;
    page->octets = done ? arena_dup(arena, buf_span(&joined)) : (struct span){NULL, 0};
    buf_free(&joined);
    return page->octets.data != NULL;
}

static bool read_page(struct tiff *tiff, size_t directory, struct arena *arena, struct fax *fax,
                      struct error *err) {
    bool two = value(tiff, directory, TAG_T4_OPTIONS, 0) & 1;
    bool fine = value(tiff, directory, TAG_Y_RESOLUTION, 98) > 150;
    if (value(tiff, directory, TAG_COMPRESSION, 0) != COMPRESSION_T4 ||
        value(tiff, directory, TAG_WIDTH, 0) != COLUMNS)
        return error_set(err, 1,
                         "it is no facsimile of group 3: page %zu has another compression than T.4, or "
                         "not 1728 columns",
                         fax->count + 1);
    if (fax->count && (two != fax->two_dimensional || fine != fax->fine))
        return error_set(err, 1, "its pages differ in resolution or coding, which one body part can't say");
    fax->two_dimensional = two;
    fax->fine = fine;
    return read_strips(tiff, directory, arena, &fax->pages[fax->count++]) ||
           error_set(err, 1, "the TIFF file is damaged");
}

bool fax_from_tiff(struct span file, struct arena *arena, struct fax *fax, struct error *err) {
    struct tiff tiff = {file, file.len > 2 && file.data[0] == 'M', false};
    *fax = (struct fax){.pages = arena_array(arena, PAGES_MOST, sizeof *fax->pages)};
    if (!fax->pages)
        return error_set(err, 1, "no memory for its pages");
    if (file.len < 8 || (memcmp(file.data, "II*", 4) != 0 && memcmp(file.data, "MM\0*", 4) != 0))
        return error_set(err, 1, "it is no TIFF file");
    size_t directory = number_at(&tiff, 4, 4);
    while (directory && fax->count < PAGES_MOST) {
        if (!read_page(&tiff, directory, arena, fax, err))
            return false;
        directory = number_at(&tiff, directory + 2 + 12 * (size_t)number_at(&tiff, directory, 2), 4);
    }
    return (fax->count > 0 && !tiff.broken) || error_set(err, 1, "the TIFF file is damaged");
}

/* ---- writing ---- */

/* The lines of a page: ends of line that don't stand behind another one, as those do that end the page. */
static uint32_t lines_of(struct span octets, bool two_dimensional) {
    uint32_t zeros = 0, lines = 0;
    bool behind_end = false;
    uint32_t since = 0; /* bits since the last end of line */
    for (size_t bit = 0; bit < octets.len * 8; bit++) {
        bool one = octets.data[bit / 8] >> (7 - bit % 8) & 1;
        since++;
        if (!one) {
            zeros++;
            continue;
        }
        if (zeros >= 11) {
            bool another = behind_end && since <= 12u + two_dimensional;
            lines += !another;
            behind_end = true;
            since = 0;
        }
        zeros = 0;
    }
    /* The first of those at the page's end, behind which only filling comes, begins no line. */
    return lines && zeros + two_dimensional >= since ? lines - 1 : lines;
}

static void put16(struct buf *out, uint16_t number) {
    const uint8_t octets[] = {(uint8_t)number, (uint8_t)(number >> 8)};
    buf_append_span(out, span_of(octets, 2));
}

static void put32(struct buf *out, uint32_t number) {
    put16(out, (uint16_t)number);
    put16(out, (uint16_t)(number >> 16));
}

static void put_field(struct buf *out, uint16_t tag, uint16_t type, uint32_t number) {
    put16(out, tag);
    put16(out, type);
    put32(out, 1);
    put32(out, number);
}

enum { SHORT = 3, LONG = 4, RATIONAL = 5, FIELDS = 13 };

/* Octets of the page, then its directory and the two resolutions. */
static void put_page(struct buf *out, const struct fax *fax, size_t number) {
    struct span octets = fax->pages[number].octets;
    uint32_t begin = (uint32_t)out->len, lines = lines_of(octets, fax->two_dimensional);
    buf_append_span(out, octets);
    if (out->len % 2)
        buf_append_byte(out, 0);
    uint32_t directory = (uint32_t)out->len, behind = directory + 2 + 12 * FIELDS + 4;
    put16(out, FIELDS);
    put_field(out, TAG_WIDTH, SHORT, COLUMNS);
    put_field(out, TAG_LENGTH, LONG, lines);
    put_field(out, TAG_BITS, SHORT, 1);
    put_field(out, TAG_COMPRESSION, SHORT, COMPRESSION_T4);
    put_field(out, TAG_PHOTOMETRIC, SHORT, 0);
    put_field(out, TAG_FILL_ORDER, SHORT, 1);
    put_field(out, TAG_STRIP_OFFSETS, LONG, begin);
    put_field(out, TAG_ROWS_PER_STRIP, LONG, lines);
    put_field(out, TAG_STRIP_COUNTS, LONG, (uint32_t)octets.len);
    put_field(out, TAG_X_RESOLUTION, RATIONAL, behind);
    put_field(out, TAG_Y_RESOLUTION, RATIONAL, behind + 8);
    put_field(out, TAG_T4_OPTIONS, LONG, fax->two_dimensional);
    put_field(out, TAG_RESOLUTION_UNIT, SHORT, 2);
    put32(out, number + 1 < fax->count ? behind + 16 + (uint32_t)fax->pages[number + 1].octets.len +
                                             (uint32_t)fax->pages[number + 1].octets.len % 2
                                       : 0);
    put32(out, 204);
    put32(out, 1);
    put32(out, fax->fine ? 196 : 98);
    put32(out, 1);
}

bool fax_to_tiff(const struct fax *fax, struct buf *out) {
    uint32_t first = fax->count ? 8 + (uint32_t)(fax->pages[0].octets.len + fax->pages[0].octets.len % 2) : 0;
    buf_append_span(out, SPAN_LIT("II*\0"));
    put32(out, first);
    for (size_t i = 0; i < fax->count; i++)
        put_page(out, fax, i);
    return !out->failed;
}
