/*
 * Feeds files to a fuzz target as libFuzzer would, for builds without it: each
 * as it is, and $REPLAY_MUTATIONS times (40 if unset) with octets changed, cut
 * or doubled, the same way in each run. Arguments: files and folders; prints TAP.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count;

/* splitmix64: the same numbers for the same file and turn. */
static uint64_t next_number(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t mutate(uint8_t *data, size_t size, uint64_t *state) {
    size_t at = (size_t)(next_number(state) % size);
    size_t len = 1 + (size_t)(next_number(state) % (size - at));
    switch (next_number(state) % 5) {
    case 0:
        data[at] ^= (uint8_t)(1 << next_number(state) % 8);
        return size;
    case 1:
        data[at] = (uint8_t)next_number(state);
        return size;
    case 2:
        data[at] = (uint8_t[]){0, 0x7F, 0x80, 0x84, 0xFF}[next_number(state) % 5];
        return size;
    case 3: /* a piece goes */
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    default: /* a piece is written over another */
        memmove(data + next_number(state) % (size - len + 1), data + at, len);
        return size;
    }
}

static void feed_mutations(const uint8_t *data, size_t size) {
    const char *wanted = getenv("REPLAY_MUTATIONS");
    long turns = wanted ? atol(wanted) : 40;
    for (long turn = 0; turn < turns && size; turn++) {
        uint8_t *copy = malloc(size);
        uint64_t state = (uint64_t)turn * 1000003 + size;
        size_t len = size;
        if (!copy)
            return;
        memcpy(copy, data, size);
        for (uint64_t changes = 1 + next_number(&state) % 4; changes && len; changes--)
            len = mutate(copy, len, &state);
        uint8_t *exact = malloc(len ? len : 1);
        if (exact)
            LLVMFuzzerTestOneInput(memcpy(exact, copy, len), len);
        free(exact);
        free(copy);
    }
}

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    /* Exactly as large as the input, so that ASan sees a read past its end. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int whole = data && size >= 0 && fread(data, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (whole)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    if (whole)
        feed_mutations(data, (size_t)size);
    free(data);
    printf("%sok %d - %s\n", whole ? "" : "not ", ++count, path);
    fflush(stdout);
    return whole;
}

static int replay(const char *path) {
    DIR *directory = opendir(path);
    if (!directory)
        return replay_file(path);
    int good = 1;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        good &= replay(inner);
    }
    closedir(directory);
    return good;
}

int main(int argc, char **argv) {
    int good = 1;
    for (int i = 1; i < argc; i++)
        good &= replay(argv[i]);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("ok %d - empty input\n1..%d\n", count + 1, count + 1);
    return !good;
}
