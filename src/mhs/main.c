/* `mhs`: the command line. Finds the command in the table and runs it. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "mhs/command.h"
#include "mhs/commands.h"
#include "mhs/completion.h"
#include "mhs/daemon.h"
#include "mhs/output.h"

static int cmd_completion(int argc, char **argv);

static const struct command commands[] = {
    {"send", cmd_send, "submit a message", "Messages"},
    {"probe", cmd_probe, "ask whether a message could be delivered"},
    {"list", cmd_list, "list the messages and reports in a mailbox"},
    {"sent", cmd_sent, "list what you sent, and what became of it"},
    {"cancel", cmd_cancel, "take back a message whose delivery was deferred"},
    {"read", cmd_read, "show a message or report"},
    {"save", cmd_save, "save a body part into a file"},
    {"receipt", cmd_receipt, "tell an originator that a message was received, or was not"},
    {"reply", cmd_reply, "answer a message"},
    {"reply-all", cmd_reply_all, "answer a message to all who got it"},
    {"forward", cmd_forward, "send a message on as a body part"},
    {"delete", cmd_delete, "delete entries of a mailbox"},
    {"track", cmd_track, "show the history of a message on this MTA", "Following and operating"},
    {"status", cmd_status, "show how the MTA and its peers are, or what became of a message"},
    {"queue", cmd_queue, "list and change what waits in the queue"},
    {"peer", cmd_peer, "list the peers; disable, enable, retry and reroute them"},
    {"route", cmd_route, "say where a message to an address would go, and why"},
    {"ping", cmd_ping, "associate with a peer, bind and release"},
    {"user", cmd_user, "list, add and remove users with a mailbox"},
    {"reload", cmd_reload, "have the daemon reread its configuration"},
    {"config", cmd_config, "show the configuration that runs, or what a reload would change"},
    {"store", cmd_store, "check, repair, back up, restore or move the store"},
    {"decode", cmd_decode, "print an APDU, envelope, content or presentation PDU", "Octets"},
    {"encode", cmd_encode, "turn JSON back into BER"},
    {"completion", cmd_completion, "print what a shell needs to complete these commands", "Help"},
    {"help", cmd_help, "show this help, or that of a command"},
    {0},
};

static int cmd_completion(int argc, char **argv) {
    return completion(commands, argc, argv);
}

static const struct command *find_command(const char *name) {
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static void print_overview(FILE *out) {
    fprintf(out, "Usage: mhs [--json] [--wide] [--socket PATH] COMMAND [OPTION]... [OPERAND]...\n\n"
                 "The command line of the Chasqui message handling system.\n");
    for (const struct command *command = commands; command->name; command++) {
        if (command->group)
            fprintf(out, "\n%s:\n", command->group);
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    }
    fprintf(out, "\n'mhs COMMAND --help' explains a command, 'man mhs' all of them.\n");
}

static void show_overview(void) {
    command_text_begin();
    print_overview(stdout);
    command_text_end("help");
}

static void show_version(void) {
    json_t *version = json_pack("{s:s}", "version", CHASQUI_VERSION);
    if (command_settings.json)
        out_json(version);
    else
        printf("mhs (Chasqui) %s\n", CHASQUI_VERSION);
    json_decref(version);
}

static int unknown_command(const char *name) {
    struct nearest nearest = nearest_begin(span_str(name));
    for (const struct command *command = commands; command->name; command++)
        nearest_try(&nearest, command->name);
    command_fail(COMMAND_USAGE,
                 nearest.name ? "there is no command '%s'; did you mean '%s'?" : "there is no command '%s'",
                 name, nearest.name);
    fprintf(stderr, "Try: mhs --help\n");
    return COMMAND_USAGE;
}

int cmd_help(int argc, char **argv) {
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || (command && command->run == cmd_help)) {
        show_overview();
        return COMMAND_OK;
    }
    if (!command)
        return unknown_command(argv[1]);
    bool deeper = argc > 2 && argv[2][0] != '-'; /* `mhs help queue list` */
    char *help[] = {argv[1], deeper ? argv[2] : (char[]){"--help"}, (char[]){"--help"}, NULL};
    return command->run(deeper ? 3 : 2, help);
}

/* One before the command's name. */
static int refuse_option(const char *given) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 0},    {"wide", no_argument, NULL, 0}, {"socket", no_argument, NULL, 0},
        {"version", no_argument, NULL, 0}, {"help", no_argument, NULL, 0}, {0}};
    const char *near = strncmp(given, "--", 2) == 0 ? nearest_option(given, options) : NULL;
    if (strcmp(given, "--socket") == 0)
        command_fail(COMMAND_USAGE, "'--socket' needs a value");
    else
        command_fail(COMMAND_USAGE,
                     near ? "unknown option '%s'; did you mean '--%s'?" : "unknown option '%s'", given, near);
    fprintf(stderr, "Try: mhs --help\n");
    return COMMAND_USAGE;
}

/* Reads the options before the command's name. Returns the index of the name, 0 when there is nothing more to
 * do. */
static int read_globals(int argc, char **argv, int *status) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            command_settings.json = true;
        } else if (strcmp(argv[i], "--wide") == 0) {
            command_settings.wide = true;
        } else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
            command_settings.socket = argv[++i];
        } else if (strncmp(argv[i], "--socket=", 9) == 0) {
            command_settings.socket = argv[i] + 9;
        } else if (strcmp(argv[i], "--version") == 0) {
            show_version();
            return 0;
        } else if (strcmp(argv[i], "--help") == 0) {
            show_overview();
            return 0;
        } else if (argv[i][0] == '-') {
            *status = refuse_option(argv[i]);
            return 0;
        } else {
            return i;
        }
    }
    *status = command_fail(COMMAND_USAGE, "give a command");
    print_overview(stderr);
    return 0;
}

/* An error may come before --json was read. */
static bool asks_for_json(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    setlocale(LC_ALL, "");
    ber_utctime_set_now(clock_now_us() / 1000000);
    command_settings.json = asks_for_json(argc, argv);
    const char *socket = getenv("CHASQUI_SOCKET");
    command_settings.socket = socket && *socket ? socket : NULL;
    int status = COMMAND_OK;
    int at = read_globals(argc, argv, &status);
    if (!at)
        return status;
    const struct command *command = find_command(argv[at]);
    status = command ? command->run(argc - at, argv + at) : unknown_command(argv[at]);
    daemon_close();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mhs: the output can't be written\n");
        return status ? status : COMMAND_FAILED;
    }
    return status;
}
