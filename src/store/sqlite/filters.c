#include "store/sqlite/filters.h"

#include <string.h>

#include "base/alloc.h"

#define HASH_BITS 4
#define JOINED    8
#define WIDEST    512

void filters_init(struct filters *filters, size_t octets) {
    *filters = (struct filters){.octets = octets};
}

void filters_free(struct filters *filters) {
    for (size_t i = 0; i < filters->slab_count; i++)
        mem_free(filters->slabs[i].rows);
    mem_free(filters->slabs);
    mem_free(filters->buckets);
    filters_init(filters, filters->octets);
}

/* The bits of a hash: double hashing over its two halves. */
static void bits_of(const struct filters *filters, uint64_t hash, uint64_t bits[static HASH_BITS]) {
    for (unsigned i = 0; i < HASH_BITS; i++)
        bits[i] = (hash + i * ((hash >> 31) | 1) * UINT64_C(0x9E3779B1)) % (filters->octets * 8);
}

uint8_t *filter_new(const struct filters *filters) {
    return mem_alloc(filters->octets);
}

void filter_set(const struct filters *filters, uint8_t *filter, uint64_t hash) {
    uint64_t bits[HASH_BITS];
    bits_of(filters, hash, bits);
    for (unsigned i = 0; i < HASH_BITS; i++)
        filter[bits[i] / 8] |= (uint8_t)(1u << bits[i] % 8);
}

uint8_t *filter_of(const struct filters *filters, struct span row) {
    uint8_t *filter = filter_new(filters);
    if (filter && (row.len < filters->octets || row.len % filters->octets))
        memset(filter, 0xFF, filters->octets);
    for (size_t i = 0; filter && i < row.len; i++)
        filter[i & (filters->octets - 1)] |= row.data[i];
    return filter;
}

/* ---- joining ---- */

/* Octet r of `in` holds eight bits of run r; octet b of the result holds bit b of eight runs. The 8 by 8
 * matrix is transposed by swapping ever larger blocks across its diagonal. */
static uint64_t transposed(uint64_t in) {
    uint64_t swap = (in ^ (in >> 7)) & UINT64_C(0x00AA00AA00AA00AA);
    in ^= swap ^ (swap << 7);
    swap = (in ^ (in >> 14)) & UINT64_C(0x0000CCCC0000CCCC);
    in ^= swap ^ (swap << 14);
    swap = (in ^ (in >> 28)) & UINT64_C(0x00000000F0F0F0F0);
    return in ^ swap ^ (swap << 28);
}

static void join_single(const struct slab *slabs, uint8_t *rows, size_t octets) {
    for (size_t octet = 0; octet < octets; octet++) {
        uint64_t matrix = 0;
        for (unsigned run = 0; run < JOINED; run++)
            matrix |= (uint64_t)slabs[run].rows[octet] << 8 * run;
        matrix = transposed(matrix);
        for (unsigned bit = 0; bit < 8; bit++)
            rows[octet * 8 + bit] = (uint8_t)(matrix >> 8 * bit);
    }
}

static void join_wide(const struct slab *slabs, uint8_t *rows, size_t octets) {
    size_t row = slabs[0].width / 8;
    for (uint64_t bit = 0; bit < octets * 8; bit++)
        for (unsigned i = 0; i < JOINED; i++, rows += row)
            memcpy(rows, slabs[i].rows + bit * row, row);
}

/* Joins the youngest slabs when there are eight of one width. Without memory they stay as they are, and the
 * next run tries again. */
static bool join(struct filters *filters) {
    if (filters->slab_count < JOINED)
        return false;
    struct slab *first = &filters->slabs[filters->slab_count - JOINED];
    for (unsigned i = 0; i < JOINED; i++)
        if (first[i].width != first->width || first->width == WIDEST)
            return false;
    struct slab joined = {.width = first->width * JOINED};
    joined.rows = mem_alloc(filters->octets * joined.width);
    if (!joined.rows)
        return false;
    (first->width == 1 ? join_single : join_wide)(first, joined.rows, filters->octets);
    for (unsigned i = 0; i < JOINED; i++)
        mem_free(first[i].rows);
    *first = joined;
    filters->slab_count -= JOINED - 1;
    return true;
}

/* ---- adding and dropping ---- */

static bool reserve(void **list, size_t *cap, size_t count, size_t size) {
    if (count < *cap)
        return true;
    size_t wanted = *cap ? *cap * 2 : 16;
    void *grown = mem_resize(*list, wanted * size);
    if (!grown)
        return false;
    *list = grown;
    *cap = wanted;
    return true;
}

bool filters_reserve(struct filters *filters) {
    void *slabs = filters->slabs, *buckets = filters->buckets;
    bool ok = reserve(&slabs, &filters->slab_cap, filters->slab_count, sizeof *filters->slabs) &&
              reserve(&buckets, &filters->bucket_cap, filters->bucket_count, sizeof *filters->buckets);
    filters->slabs = slabs;
    filters->buckets = buckets;
    return ok;
}

void filters_add(struct filters *filters, uint64_t bucket, uint8_t *filter) {
    filters->slabs[filters->slab_count++] = (struct slab){1, filter};
    filters->buckets[filters->bucket_count++] = bucket;
    while (join(filters))
        ;
}

size_t filters_count(const struct filters *filters) {
    return filters->bucket_count - filters->dropped;
}

uint64_t filters_newest(const struct filters *filters) {
    return filters_count(filters) ? filters->buckets[filters->bucket_count - 1] : 0;
}

uint64_t filters_oldest(const struct filters *filters) {
    return filters->dropped < filters->bucket_count ? filters->buckets[filters->dropped] : 0;
}

void filters_drop_oldest(struct filters *filters) {
    if (filters->dropped == filters->bucket_count || ++filters->dropped < filters->slabs[0].width)
        return;
    mem_free(filters->slabs[0].rows);
    filters->bucket_count -= filters->dropped;
    memmove(filters->buckets, filters->buckets + filters->dropped,
            filters->bucket_count * sizeof *filters->buckets);
    memmove(filters->slabs, filters->slabs + 1, --filters->slab_count * sizeof *filters->slabs);
    filters->dropped = 0;
}

/* ---- asking ---- */

/* The runs among the eight of octet `column` that have all bits of the hash. */
static unsigned hits_in(const struct slab *slab, const uint64_t bits[static HASH_BITS], size_t column) {
    unsigned hits = slab->width == 1 ? 1 : 0xFF;
    for (unsigned i = 0; hits && i < HASH_BITS; i++)
        hits &= slab->width == 1 ? (unsigned)(slab->rows[bits[i] / 8] >> bits[i] % 8)
                                 : slab->rows[bits[i] * (slab->width / 8) + column];
    return hits;
}

bool filters_ask(const struct filters *filters, uint64_t hash, filters_cb *cb, void *context) {
    uint64_t bits[HASH_BITS];
    size_t first = 0; /* the number of the slab's first run */
    bits_of(filters, hash, bits);
    for (size_t i = 0; i < filters->slab_count; first += filters->slabs[i++].width)
        for (size_t column = 0; column < (filters->slabs[i].width + 7) / 8; column++) {
            unsigned hits = hits_in(&filters->slabs[i], bits, column);
            for (size_t run = first + column * 8; hits; hits >>= 1, run++)
                if ((hits & 1) && run >= filters->dropped && !cb(context, filters->buckets[run]))
                    return false;
        }
    return true;
}
