/* Usage: p1load source|sink --port N [--associations N] [--messages N] [--size OCTETS] [--checkpoint KIB]
 * [--window N]
 *               [--mta NAME] [--password TEXT] [--tsel TEXT] [--from CC] [--to CC] [--hold SECONDS] */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p1load.h"

static const struct option names[] = {
    {"port", required_argument, NULL, 'p'},
    {"associations", required_argument, NULL, 'a'},
    {"messages", required_argument, NULL, 'm'},
    {"size", required_argument, NULL, 's'},
    {"hold", required_argument, NULL, 'h'},
    {"checkpoint", required_argument, NULL, 'c'},
    {"window", required_argument, NULL, 'w'},
    {"mta", required_argument, NULL, 'n'},
    {"password", required_argument, NULL, 'k'},
    {"tsel", required_argument, NULL, 't'},
    {"from", required_argument, NULL, 'f'},
    {"to", required_argument, NULL, 'o'},
    {NULL, 0, NULL, 0},
};

static int set(struct options *options, int option, const char *text) {
    unsigned long long number = strtoull(text, NULL, 10);
    switch (option) {
    case 'p':
        options->port = (uint16_t)number;
        return 1;
    case 'a':
        options->associations = (uint32_t)number;
        return 1;
    case 'm':
        options->messages = number;
        return 1;
    case 's':
        options->size = number;
        return 1;
    case 'h':
        options->hold = (uint32_t)number;
        return 1;
    case 'c':
        options->bind.checkpoint = (uint32_t)number;
        return 1;
    case 'w':
        options->bind.window = (uint32_t)number;
        return 1;
    case 'n':
        options->bind.mta = text;
        return 1;
    case 'k':
        options->bind.password = text;
        return 1;
    case 't':
        options->tsel = text;
        return 1;
    case 'f':
        options->from = text;
        return 1;
    case 'o':
        options->to = text;
        return 1;
    default:
        return 0;
    }
}

int main(int argc, char **argv) {
    struct options options = {.associations = 1,
                              .messages = 1000,
                              .size = 2048,
                              .tsel = "",
                              .from = "FR",
                              .to = "DE",
                              .bind = {.mta = "LOAD", .password = "load", .checkpoint = 64, .window = 3}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!set(&options, option, optarg ? optarg : "")) {
            return 2;
        }
    }
    const char *what = optind < argc ? argv[optind] : "";
    if (options.port && !strcmp(what, "source")) {
        return source_run(&options);
    }
    if (options.port && !strcmp(what, "sink")) {
        return sink_run(&options);
    }
    fputs("usage: p1load source|sink --port N [options]\n", stderr);
    return 2;
}
