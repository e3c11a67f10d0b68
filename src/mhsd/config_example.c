/* The first configuration: what is to be set, then every other option with its default. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mhsd/config_private.h"

enum { WIDTH = 80 };

static const char head[] = "# The configuration of Chasqui; chasqui.conf(5) describes every option.\n"
                           "# Check it with: mhsd -t -c THIS-FILE\n"
                           "\n"
                           "# The name of this MTA, and the management domain it belongs to.\n"
                           "mta-name = \"LOCAL-MTA\"\n"
                           "domain = \"/C=XX/A= /P=LOCAL\"\n"
                           "\n"
                           "# Where messages rest, and where 'mhs' reaches the daemon.\n"
                           "store = \"%s\"\n"
                           "socket = \"%s\"\n"
                           "\n"
                           "# The user to run as when the daemon is started by root; empty: stay what you\n"
                           "# are. 'useradd --system chasqui' makes one.\n"
                           "run-as = \"%s\"\n"
                           "\n"
                           "# Where P1 associations are accepted: presentation addresses (RFC 1278),\n"
                           "# \"T-selector\"/Internet=host+port.\n"
                           "# Port 102 is the standard one and needs root.\n"
                           "listen = { \"Internet=127.0.0.1+10102\" }\n"
                           "\n"
                           "# Who has a mailbox here. 'login' lets that local user read it; more users:\n"
                           "# mhs user add.\n"
                           "user \"/C=XX/A= /P=LOCAL/S=POSTMASTER\" { }\n"
                           "\n"
                           "# An adjacent MTA, and what is sent to it. Remove the '#' and fill in what you\n"
                           "# agreed with its operator.\n"
                           "# peer BETA {\n"
                           "#     address = { \"\\\"P1\\\"/Internet=192.0.2.7+102\" }\n"
                           "#     mta-name = \"BETA-MTA\"        # as it gives it when it calls\n"
                           "#     password = \"its secret\"\n"
                           "#     our-password = \"our secret\"\n"
                           "#     domain = \"/C=DE/A=VIAT/P=BETA\"\n"
                           "# }\n"
                           "# route \"/C=DE/A=VIAT/P=BETA\" { next-hop BETA { } }\n"
                           "\n"
                           "# ---- Every other option of the daemon, with its default ----\n";

/* Those that the head sets. */
static const char *const set[] = {"mta-name", "domain", "store", "socket", "run-as", "listen", NULL};

static bool is_set(const char *name) {
    for (const char *const *one = set; *one; one++)
        if (strcmp(*one, name) == 0)
            return true;
    return false;
}

/* A comment's lines, wrapped; the marks of words of the file are left out. */
static void write_help(struct buf *out, const char *indent, const char *help) {
    size_t column = 0;
    for (size_t length; *help; help += length + (help[length] == ' ')) {
        length = strcspn(help, " ");
        if (column && column + 1 + length > WIDTH) {
            buf_append_byte(out, '\n');
            column = 0;
        }
        if (column == 0)
            buf_printf(out, "%s#", indent);
        buf_append_byte(out, ' ');
        for (size_t i = 0; i < length; i++)
            if (help[i] != '`')
                buf_append_byte(out, (uint8_t)help[i]);
        column = (column ? column : strlen(indent) + 1) + 1 + length;
    }
    buf_append_byte(out, '\n');
}

static void write_option(struct buf *out, const char *indent, const struct config_section *holds,
                         const struct config_option *row) {
    bool none = !row->text && !row->items && row->type != CONFIG_NUMBER && row->type != CONFIG_FLAG;
    bool has_room = !row->none || strlen(indent) + strlen(row->name) + strlen(row->none) + 30 <= WIDTH;
    write_help(out, indent, row->help);
    if (none && !has_room) {
        char text[200];
        snprintf(text, sizeof text, "Not set: %s.", row->none);
        write_help(out, indent, text);
    }
    buf_printf(out, "%s# %s = ", indent, row->name);
    config_write_value(out, holds, row);
    buf_printf(out,
               row->flags & CONFIG_SECONDS     ? "        # seconds\n"
               : none && row->none && has_room ? "        # not set: %s\n"
               : none                          ? "        # not set\n"
                                               : "\n",
               row->none);
}

/* A section that is always there; the others are made by the operator. */
static void write_section(struct buf *out, const struct config_option *section) {
    struct config_section defaults = {.option = section};
    buf_append_byte(out, '\n');
    write_help(out, "", section->help);
    buf_printf(out, section->title ? "%s %s {\n" : "%s {\n", section->name, section->title);
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++)
        write_option(out, "    ", &defaults, row);
    buf_printf(out, "}\n");
}

static void write_options(struct buf *out) {
    struct config_section defaults = {.option = &config_top};
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++) {
        if (row->type == CONFIG_SECTION || row->title)
            write_section(out, row);
        if (config_is_section(row) || is_set(row->name))
            continue;
        buf_append_byte(out, '\n');
        write_option(out, "", &defaults, row);
    }
}

bool config_write_first(const char *path, const struct config_places *places, const char *user,
                        struct error *err) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, head, places->store, places->socket, user ? user : "");
    write_options(&text);
    FILE *file = text.failed ? NULL : fopen(path, "wxe");
    bool done = file && fchmod(fileno(file), 0600) == 0 && /* passwords will stand in it */
                fwrite(text.data, 1, text.len, file) == text.len;
    if (file && fclose(file) != 0)
        done = false;
    if (!done)
        error_set(err, errno, "%s: %s%s", path, strerror(errno),
                  errno == EEXIST   ? "; name another file, or move that one away first"
                  : errno == ENOENT ? "; make its folder first"
                                    : "");
    buf_free(&text);
    return done;
}
