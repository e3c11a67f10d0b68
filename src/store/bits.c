#include "store/bits_private.h"

#include "base/alloc.h"

static struct bits_change *change_of(struct map *changes, uint64_t row) {
    struct map_slot *slot = map_at(changes, row);
    if (slot && !slot->value)
        slot->value = mem_alloc(sizeof(struct bits_change));
    return slot ? slot->value : NULL;
}

static void put(uint8_t *octets, uint64_t sequence, unsigned value, bool there) {
    uint8_t bits = (uint8_t)(value << (6 - 2 * (sequence % 4)));
    uint8_t *octet = &octets[sequence % BITS_ENTRIES / 4];
    *octet = there ? *octet | bits : *octet & (uint8_t)~bits;
}

static bool note_flags(struct map *changes, const struct operation *operation) {
    uint64_t sequence = operation->ids.id;
    struct bits_change *change =
        change_of(changes, bits_row(operation->number, BITS_FLAGS, sequence & UINT32_MAX));
    unsigned set = operation->ids.other & 3, clear = operation->ids.other >> 32 & 3;
    if (!change)
        return false;
    put(change->clear, sequence, clear, true);
    put(change->set, sequence, clear, false);
    put(change->set, sequence, set, true);
    put(change->clear, sequence, set, false);
    return true;
}

static bool note_status(struct map *changes, const struct operation *operation) {
    uint64_t last = operation->ids.other & UINT32_MAX;
    struct bits_change *change = NULL;
    for (uint64_t sequence = operation->ids.id; sequence <= last; sequence++) {
        if (!change || sequence % BITS_ENTRIES == 0)
            change = change_of(changes, bits_row(operation->number, BITS_STATUS, sequence));
        if (!change)
            return false;
        put(change->set, sequence, (unsigned)(operation->ids.other >> 32), true);
    }
    return true;
}

bool bits_note(struct map *changes, const struct operation *operation) {
    return operation->type == SET_ENTRY ? note_flags(changes, operation) : note_status(changes, operation);
}

void bits_free(struct map *changes) {
    for (size_t i = 0; i < changes->room; i++)
        if (changes->slots[i].key)
            mem_free(changes->slots[i].value);
    map_free(changes);
}

bool bits_cut(uint8_t *row, uint64_t block, uint64_t next) {
    bool some = false;
    uint64_t first = next > block * BITS_ENTRIES ? next - block * BITS_ENTRIES : 0;
    for (uint64_t i = first; i < BITS_ENTRIES; i++) {
        if (i % 4 == 0 && !row[i / 4]) {
            i += 3;
            continue;
        }
        some |= bits_get(row, i) != 0;
        put(row, i, 3, false);
    }
    return some;
}

bool bits_mend_status(uint8_t *row) {
    uint8_t lone = 0;
    for (size_t i = 0; i < BITS_OCTETS; i++) {
        uint8_t missing = (uint8_t)(row[i] >> 1 & 0x55 & ~row[i]);
        lone |= missing;
        row[i] |= missing;
    }
    return lone != 0;
}

void bits_apply(uint8_t *row, const struct bits_change *change) {
    for (size_t i = 0; i < BITS_OCTETS; i++)
        row[i] = (uint8_t)((row[i] & ~change->clear[i]) | change->set[i]);
}
