/* mhsd(8): the daemon. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/log_out.h"
#include "base/nearest.h"
#include "mhsd/children.h"
#include "mhsd/examine.h"
#include "mhsd/parent.h"
#include "mhsd/sockets.h"
#include "mhsd/spawn.h"
#include "store/place.h"
#include "store/store.h"

#define DEFAULT_PATH "/etc/chasqui/chasqui.conf"

enum { EXIT_USAGE = 2 };

static const char help[] = "usage: mhsd [-t] [-c FILE]\n"
                           "       mhsd --create-store [-c FILE]\n"
                           "       mhsd --write-config FILE\n"
                           "\n"
                           "The X.400 message transfer agent. It stays in the foreground and logs to\n"
                           "standard error.\n"
                           "\n"
                           "  -c, --config FILE        the configuration (default " DEFAULT_PATH ")\n"
                           "  -t, --test               check the configuration and the store's version, say\n"
                           "                           what is wrong, and exit\n"
                           "      --create-store       make an empty store where there is none, and exit\n"
                           "      --write-config FILE  write a first configuration with comments to FILE,\n"
                           "                           and exit\n"
                           "  -h, --help               print this help\n"
                           "      --version            print the version\n"
                           "\n"
                           "SIGHUP rereads the configuration, SIGTERM stops.\n"
                           "Exit status: 0 stopped or the configuration is right, 1 failed, 2 wrong usage.\n"
                           "See mhsd(8), chasqui.conf(5), mhs(1).\n";

static int write_first(const char *path) {
    struct error err = {0};
    char directory[4096], store[4112], socket[4112];
    struct config_places places = {store, socket};
    if (!getcwd(directory, sizeof directory)) {
        fprintf(stderr, "mhsd: cannot tell which folder this is: %s\n", strerror(errno));
        return 1;
    }
    const char *name = directory[1] ? directory : "";
    snprintf(store, sizeof store, "%s/var/store", name);
    snprintf(socket, sizeof socket, "%s/var/mhsd.sock", name);
    if (strcmp(path, DEFAULT_PATH) == 0) {
        places.store = config_option_named(&config_top, SPAN_LIT("store"), NULL)->text;
        places.socket = config_option_named(&config_top, SPAN_LIT("socket"), NULL)->text;
    }
    /* Root's daemon gives up what root may; another user's has nothing to give up. */
    const struct config_option *run_as = config_option_named(&config_top, SPAN_LIT("run-as"), NULL);
    if (!config_write_first(path, &places, geteuid() == 0 ? run_as->text : NULL, &err)) {
        fprintf(stderr, "mhsd: %s\n", err.text);
        return 1;
    }
    printf("%s written; look it over, then start: mhsd -c %s\n", path, path);
    return 0;
}

/* What only the user that starts the daemon may do, another's test can't tell. */
static bool complain(const struct config *config, const char *option, const struct error *err, bool warning) {
    char where[4200];
    config_where(config, option, where, sizeof where);
    fprintf(stderr, "mhsd: %s%s %s\n", warning ? "warning: " : "", where, err->text);
    return warning;
}

static bool test_socket(const struct config *config) {
    struct error err = {0};
    return sockets_may_serve(config->socket, &err) ||
           complain(config, "socket", &err, err.code == EACCES && geteuid() != 0);
}

/* A line of its own for each. */
static void print_lines(const char *before, const struct buf *lines) {
    struct span rest = buf_span(lines), line;
    while (lines_next(&rest, &line))
        fprintf(stderr, "mhsd: %s%.*s\n", before, (int)line.len, (const char *)line.data);
}

/* As the user that may use the store. One that an older version left, or that needs a writer first, is not
 * looked into. */
static bool test_users(const struct config *config) {
    struct error err = {0};
    struct buf remarks, warnings;
    buf_init(&remarks, 0);
    buf_init(&warnings, 0);
    bool done = mta_examine_users(&config->mta, &remarks, &err);
    config_add_remarks(config, buf_span(&remarks), &warnings);
    print_lines("warning: ", &warnings);
    buf_free(&remarks);
    buf_free(&warnings);
    return done || err.code != STORE_MOVED || complain(config, "store", &err, false);
}

/* Whose own folder it is would start the daemon too, and be refused. */
static bool is_own(const char *store) {
    struct stat status;
    return stat(store, &status) == 0 && status.st_uid == geteuid();
}

/* A store that is not there yet is no fault of the configuration. Root becomes the user of 'run-as' here. */
static bool test_store(const char *path, const struct config *config) {
    struct error err = {0};
    bool root = geteuid() == 0;
    bool read = store_examine(config->mta.store_place, &err);
    if (!read && (err.code == STORE_VERSION || err.code == STORE_CORRUPT))
        return complain(config, "store", &err, false);
    struct error use = {0};
    if (!child_may_use_store(config, &use))
        return complain(config, "store", &use, use.code == EACCES && !root && !is_own(config->mta.store));
    /* At a server root may be a stranger: what counts is what the user of 'run-as', who we are now, sees. */
    if (!read && !store_is_folder(config->mta.store_place)) {
        err = (struct error){0};
        read = store_examine(config->mta.store_place, &err);
    }
    if (!read && err.code == STORE_NOT_FOUND && !config->create_store) {
        fprintf(
            stderr,
            "mhsd: %s, and 'create-store' forbids making an empty one: %s, or make it: mhsd --create-store "
            "-c %s\n",
            err.text, child_where_store_is(config), path);
        return false;
    }
    return read ? test_users(config) : err.code == STORE_NOT_FOUND || complain(config, "store", &err, true);
}

/* What can't be listened at, or may be by the daemon's next start alone, as names and addresses come and go.
 */
static void test_listeners(const struct config *config) {
    for (size_t i = 0; i < config->protocol.listener_count; i++) {
        struct error err = {0};
        if (!sockets_may_listen(&config->protocol.listeners[i].endpoint, &err))
            complain(config, "listen", &err, true);
    }
}

static int create_store(const struct config *config) {
    struct error err = {0};
    if (!child_create_store(config, &err)) {
        fprintf(stderr, "mhsd: %s\n", err.text);
        return 1;
    }
    printf("%s: an empty store was made\n", config->mta.store);
    return 0;
}

static struct config *read_config(const char *path) {
    struct error err = {0};
    struct config_report report;
    config_report_init(&report);
    struct config *config = config_read_file(path, NULL, &report, &err);
    if (!config && report.complaints.len)
        print_lines("", &report.complaints);
    else if (!config)
        fprintf(stderr, "mhsd: %s\n", err.text);
    else
        print_lines("warning: ", &report.warnings);
    config_report_free(&report);
    return config;
}

/* A sanitizer, or no optimization. gcc and clang tell in ways of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define BUILT_TO_DEBUG 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define BUILT_TO_DEBUG 1
#endif

static void warn_of_debug_build(void) {
#ifdef BUILT_TO_DEBUG
    log_warning(
        "this mhsd is a debug build, several times slower than one for service: for that, build it with "
        "'meson setup --buildtype release'");
#endif
}

static int test_all(const char *path, const struct config *config) {
    test_listeners(config);
    bool socket = test_socket(config), store = test_store(path, config);
    if (!socket || !store)
        return 1;
    printf("%s: the configuration is right\n", path);
    return 0;
}

/* A reload that is asked for meanwhile is made when the daemon serves: its signal would end one that starts.
 */
static void put_off_reloads(void) {
    sigset_t reload;
    sigemptyset(&reload);
    sigaddset(&reload, SIGHUP);
    sigprocmask(SIG_BLOCK, &reload, NULL);
}

enum task { SERVE, TEST, CREATE_STORE };

static int run(enum task task, const char *path) {
    if (task == SERVE)
        put_off_reloads();
    struct config *config = read_config(path);
    if (!config)
        return 1;
    if (task != SERVE) {
        int status = task == TEST ? test_all(path, config) : create_store(config);
        config_free(config);
        return status;
    }
    log_set_level(config->log_level);
    log_set_process("mhsd");
    if (!spawn_hold_standard()) {
        log_error("/dev/null can't be opened: %s", strerror(errno));
        config_free(config);
        return 1;
    }
    log_find_journal();
    log_out_take();
    warn_of_debug_build();
    return parent_run(path, config);
}

/* getopt has said what is wrong; for a long option that it does not know (of which it gives 0) it knows no
 * better one. */
static int refuse_option(const char *given, const struct option *options) {
    const char *near = optopt == 0 ? nearest_option(given, options) : NULL;
    if (near)
        fprintf(stderr, "mhsd: did you mean '--%s'? Else try 'mhsd --help'\n", near);
    else
        fputs("mhsd: try 'mhsd --help'\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"create-store", no_argument, NULL, 'C'},
        {"write-config", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *path = DEFAULT_PATH;
    enum task task = SERVE;
    int option;
    if (child_is_one(argc, argv))
        _exit(child_run(argv)); /* nothing of what an exit does by itself is for a process in a sandbox */
    if (examine_is_asked(argc, argv))
        return examine_run(argv);
    while ((option = getopt_long(argc, argv, "c:th", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            task = TEST;
            break;
        case 'C':
            task = CREATE_STORE;
            break;
        case 'w':
            return write_first(optarg);
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'V':
            puts("mhsd (Chasqui) " CHASQUI_VERSION);
            return 0;
        default:
            return refuse_option(argv[optind - 1], options);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "mhsd: unexpected argument '%s'; try 'mhsd --help'\n", argv[optind]);
        return EXIT_USAGE;
    }
    return run(task, path);
}
