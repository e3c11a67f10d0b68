/* Feeds files to a fuzz target as libFuzzer would, for builds without it. Arguments: files and folders;
 * prints TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count;

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
