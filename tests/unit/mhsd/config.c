/* The configuration: what it becomes, and that an error names file, line and cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/lines.h"
#include "directory/directory.h"
#include "mhsd/config.h"
#include "mts/tables.h"

#define HEAD "mta-name = \"ALPHA-MTA\"\ndomain = \"/C=GB/A=GOLD/P=ALPHA\"\nrun-as = \"\"\n"

static struct config *read_text(const char *text, struct error *err) {
    return config_read(span_str(text), "test.conf", err);
}

static void a_whole_configuration_is_understood(void **state) {
    (void)state;
    struct error err = {0};
    struct config *config = read_text(
        HEAD "listen = { \"\\\"P1\\\"/Internet=127.0.0.1+10102\" }\n"
             "name-servers = { \"192.0.2.53\" }\n"
             "peer BETA {\n"
             "  address = { \"\\\"591\\\"/Internet=127.0.0.2+102\", "
             "\"\\\"591\\\"/Internet=beta.example+1102\" }\n"
             "  mta-name = \"BETA-MTA\" password = \"b\" former-password = \"old\" our-password = \"a\"\n"
             "  application-contexts = { mts-transfer-protocol, mts-transfer }\n"
             "  dialogue = two-way-alternate checkpoint-size = 8 permanent = true\n"
             "}\n"
             "route \"/C=DE/A=VIAT\" { next-hop BETA { rank = 1 weight = 3 } }\n"
             "user \"/C=GB/A=GOLD/P=ALPHA/S=jones\" { }\n"
             "list \"/C=GB/A=GOLD/P=ALPHA/CN=all\" { members = { \"/C=DE/A=VIAT/S=x\" } }\n"
             "schedule urgent { expiry = 60 }\n",
        &err);
    assert_string_equal(err.text, "");
    assert_non_null(config);
    const struct protocol_peer *peer = &config->protocol.peers[0];
    assert_string_equal(peer->name, "BETA");
    assert_true(span_eq(peer->endpoints[0].called.t, SPAN_LIT("591")));
    assert_int_equal(ntohs(((const struct sockaddr_in *)&peer->endpoints[0].address)->sin_port), 102);
    /* A name is not resolved here. */
    assert_int_equal(peer->endpoint_count, 2);
    assert_int_equal(peer->endpoints[1].length, 0);
    assert_string_equal(peer->endpoints[1].host, "beta.example");
    assert_int_equal(peer->endpoints[1].port, 1102);
    assert_int_equal(config->protocol.name_server_count, 1);
    assert_int_equal(peer->contexts[0], OSI_MTS_TRANSFER_PROTOCOL);
    assert_int_equal(peer->context_count, 2);
    assert_int_equal(peer->dialogue, OSI_TWO_WAY_ALTERNATE);
    assert_int_equal(peer->checkpoint_size, 8);
    /* What proves the peer is the store process's business. */
    const struct mta_bind *bind = &config->mta.peers[0].bind;
    assert_true(span_eq(bind->ours.name, SPAN_LIT("ALPHA-MTA")));
    assert_true(span_eq(bind->ours.password, SPAN_LIT("a")));
    assert_true(span_eq(bind->mta_name, SPAN_LIT("BETA-MTA")));
    assert_true(span_eq(bind->passwords[0], SPAN_LIT("b")));
    assert_true(span_eq(bind->passwords[1], SPAN_LIT("old")));
    assert_int_equal(bind->host_count, 2);
    assert_string_equal(bind->hosts[0].text, "127.0.0.2");
    assert_false(bind->hosts[0].is_name);
    assert_string_equal(bind->hosts[1].text, "beta.example");
    assert_true(bind->hosts[1].is_name);
    assert_int_equal(bind->modes, 1u << IPC_MODE_NORMAL | 1u << IPC_MODE_X410_1988 | 1u << IPC_MODE_1984);
    assert_true(span_eq(config->protocol.listeners[0].selectors.t, SPAN_LIT("P1")));
    assert_true(config->mta.peers[0].permanent);
    assert_int_equal(config->mta.user_count, 1);
    assert_int_equal(mts_hop_number(config->mta.tables, "BETA"), 0);
    assert_int_equal(mts_schedule_of(config->mta.tables, MTS_URGENT)->expiry, 60);
    config_free(config);
}

#define JIM "/C=GB/A=GOLD/P=ALPHA/S=jim"

static void directory_names_and_classes_are_read(void **state) {
    (void)state;
    struct error err = {0};
    struct config *config = read_text(
        HEAD "rfc1328-address = \"/C=GB/A=GOLD/P=ALPHA/O=Relay\"\n"
             "user \"" JIM "\" {\n"
             "  directory-name = \"CN=Jim,C=GB\"\n"
             "  restriction { permitted = false source-type = { originated-by } source-name = \"/C=AQ\" }\n"
             "  redirection {\n"
             "    alternate = \"/C=GB/A=GOLD/P=ALPHA/S=ann\" objects = messages\n"
             "    acceptable-eits = { ia5-text } exclusively-acceptable-eits = { teletex }\n"
             "    unacceptable-eits = { voice } security-labels = { \"1.2.3/secret\" }\n"
             "    applies-only-to { permitted = false source-name = \"/C=DE\" }\n"
             "    applies-only-to { }\n"
             "  }\n"
             "}\n"
             "list \"/C=GB/A=GOLD/P=ALPHA/CN=all\" { members = { \"DN:CN=Jim,C=GB\" } directory-name = "
             "\"CN=all\" }\n"
             "directory \"CN=Uwe,C=DE\" { address = \"/C=DE/A=VIAT/S=Uwe\" }\n",
        &err);
    assert_string_equal(err.text, "");
    assert_non_null(config);
    assert_int_equal(directory_count(config->mta.directory), 3);
    assert_string_equal(config->mta.users[0].directory_name, "CN=Jim,C=GB");
    assert_string_equal(mts_self_of(config->mta.tables)->rfc1328_address, "/C=GB/A=GOLD/P=ALPHA/O=Relay");
    config_free(config);
}

/* `text` is refused, and the error has each of the words. */
static void refused(const char *text, const char *word, const char *other) {
    struct error err = {0};
    if (read_text(text, &err))
        fail_msg("this was taken: %s", text);
    if (!strstr(err.text, "test.conf") || !strstr(err.text, word) || !strstr(err.text, other))
        fail_msg("the error lacks '%s' or '%s': %s", word, other, err.text);
}

/* It says `word` in its error, and once. */
static void refused_as(const char *text, const char *word) {
    struct error err = {0};
    assert_null(read_text(text, &err));
    const char *first = strstr(err.text, word);
    if (!first || strstr(first + 1, word))
        fail_msg("'%s' does not stand once in: %s", word, err.text);
}

static void errors_name_place_and_cause(void **state) {
    (void)state;
    refused("domain = \"/C=GB/A=GOLD\"\nrun-as = \"\"\n", "mta-name: it must be given", "name of this MTA");
    refused("mta-name = \"123456789012345678901234567890123\"\n", "line 1: mta-name", "1 to 32");
    refused(HEAD "node = \"a.b\"\n", "line 4: node", "letters, digits");
    refused("mta-name = \"X\"\nrun-as = \"\"\n", "domain", "management domain");
    refused(HEAD "colour = blue\n", "line 4", "colour");
    refused(HEAD "peer B {\n", "line", "");
    refused(HEAD "peer B { dialogue = shouting }\n", "line 4", "monologue");
    refused(HEAD "peer B { tpdu-size = 70000 }\n", "tpdu-size", "65531");
    refused(HEAD "peer B { address = { \"nonsense\" } }\n", "address", "presentation address");
    refused(HEAD "name-servers = { \"ns.example\" }\n", "name-servers", "IP address");
    refused(HEAD "peer B { unauthenticated = true }\n", "unauthenticated", "check-address");
    refused(HEAD "peer B { application-contexts = { mts-access } }\n", "application-contexts", "mts-access");
    refused(HEAD "route \"/C=DE\" { next-hop NOBODY { } }\n", "line 4", "NOBODY");
    refused(HEAD "route \"/C=DE\" { }\n", "line 4", "next-hop");
    refused(HEAD "user \"" JIM "\" { directory-name = \"Jim\" }\n", "line 4", "Jim");
    refused(HEAD "user \"" JIM "\" { redirection { objects = letters } }\n", "line 4", "letters");
    refused(HEAD "user \"" JIM "\" { redirection { security-labels = { hush } } }\n", "line 4", "hush");
    refused(HEAD "user \"" JIM "\" { restriction { source-type = { hush } } }\n", "line 4", "hush");
    refused(HEAD "directory \"CN=x\" { }\n", "line 4", "address");
    refused(HEAD "directory \"CN=x\" { address = rubbish }\n", "line 4", "CN=x");
    refused(HEAD "rfc1328-address = \"/C=GB/A=GOLD/CN=x\"\n", "domain", "RFC 1328");
    refused(HEAD "route \"/C=DE\" { non-delivery = tired }\n", "non-delivery", "tired");
    refused(HEAD "user \"not an address\" { }\n", "line 4", "");
    refused(HEAD "user \"/C=GB/A=GOLD/P=ALPHA/S=x\" { login = nobody-of-this-name }\n", "login",
            "nobody-of-this-name");
    refused(HEAD "schedule slow { }\n", "line 4", "non-urgent");
    refused(HEAD "alias \"/C=GB/A=GOLD/P=ALPHA/S=y\" { }\n", "alias", "target");
    refused(HEAD "log-level = loud\n", "log-level", "warning");
    refused(HEAD "limits { opening = 0 }\n", "opening", "between");
    refused(HEAD "operators = nobody-of-this-name\n", "line 4", "groupadd");
    refused(HEAD "peer B { }\npeer B { }\n", "line 5", "appears twice");
    refused(HEAD "peer B { tpdu-size = many }\n", "line 4", "tpdu-size");
    refused(HEAD "peer B { permanent = perhaps }\n", "line 4", "permanent");
    refused(HEAD "name-servers = { somewhere }\n", "line 4", "somewhere");
    refused(HEAD "listen = { \"Internet=127.0.0.1+102\"\n", "not closed", "");
    refused(HEAD "mta-name = \"a string that has no end\n", "", "");
    refused(HEAD "domain = \"/X=Y\"\n", "line 4", "domain");
    refused(HEAD "list \"/C=GB/A=GOLD/P=ALPHA/CN=l\" { members = { \"rubbish\" } }\n", "line 4", "rubbish");
    refused(HEAD "catch-all = \"rubbish\"\n", "line 4", "catch-all");
    refused(HEAD "net-processes = 0\n", "line 4", "between");
    refused(HEAD "store = \"\"\n", "line 4", "store");
    refused(HEAD "peer \"\" { }\n", "line 4", "a peer has a name");
    refused(HEAD "peer \"(conversion)\" { }\n", "line 4", "parentheses");
    refused(HEAD "peer \"(content lost)\" { }\n", "line 4", "parentheses");
    char text[400];
    snprintf(text, sizeof text, "%ssocket = \"/tmp/%0110d\"\n", HEAD, 0);
    refused(text, "socket", "107");
}

/* The line is the option's, in whatever place it stands; a comment or another section does not mislead. */
static void the_line_is_the_options_own(void **state) {
    (void)state;
    refused(
        HEAD
        "/* peer B {\n window-size = 999 } */\npeer A { window-size = 1 }\npeer B {\n  # window-size = 1\n"
        "  password = \"window-size = 1\"\n\n  window-size = 999\n}\n",
        "line 11", "window-size");
    refused("run-as = \"\"\ndomain = \"/C=GB/A=GOLD\"\n\n\nmta-name = \"\"\n", "line 5", "mta-name");
    refused(HEAD "route \"/C=DE\" {\n  next-hop B {\n\n    weight = 5000\n  }\n}\npeer B { }\n", "line 7",
            "weight");
}

static void the_first_configuration_is_right(void **state) {
    (void)state;
    char place[] = "/tmp/chasqui-config-XXXXXX", path[64];
    struct error err = {0};
    assert_non_null(mkdtemp(place));
    snprintf(path, sizeof path, "%s/chasqui.conf", place);
    assert_true(config_write_first(path, &(struct config_places){"/s", "/r/mhsd.sock"}, NULL, &err));
    struct config *config = config_read_file(path, NULL, NULL, &err);
    assert_string_equal(err.text, "");
    assert_non_null(config);
    assert_string_equal(config->mta.store, "/s");
    assert_string_equal(config->socket, "/r/mhsd.sock");
    config_free(config);
    /* It never writes over one that is there. */
    assert_false(config_write_first(path, &(struct config_places){"/s", "/r/mhsd.sock"}, NULL, &err));
    unlink(path);
    rmdir(place);
}

static void no_change(void *context, const struct config_option *row, const char *line) {
    (void)context;
    (void)row;
    fail_msg("it makes a difference: %s", line);
}

/* `# name = value` becomes an option, except where the example says that it is not set. */
static void set_all(char *text) {
    for (char *line = strtok(text, "\n"), *next; line; line = next) {
        next = strtok(NULL, "\n");
        char *mark = line + strspn(line, " "), *name = mark + 2;
        bool option = strncmp(mark, "# ", 2) == 0 && strncmp(name + strcspn(name, " "), " = ", 3) == 0 &&
                      !strstr(line, "# not set");
        if (option && mark[2] != ' ')
            *mark = ' ';
        line[strlen(line)] = '\n';
    }
}

/* Every option stands in the example, and with its default. */
static void the_example_says_the_defaults(void **state) {
    (void)state;
    char place[] = "/tmp/chasqui-config-XXXXXX", path[64], text[65536] = "";
    struct error err = {0};
    assert_non_null(mkdtemp(place));
    snprintf(path, sizeof path, "%s/chasqui.conf", place);
    assert_true(config_write_first(path, &(struct config_places){"/s", "/r/mhsd.sock"}, NULL, &err));
    FILE *file = fopen(path, "r");
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++)
        assert_true(row->type == CONFIG_TITLED || strstr(text, row->name));
    struct config *first = config_read(span_of(text, length), "first", &err);
    set_all(text);
    assert_non_null(strstr(text, "\n  net-processes = 1\n"));
    struct config *all = config_read(span_of(text, length), "all", &err);
    assert_string_equal(err.text, "");
    assert_true(config_changes(first, all, no_change, NULL));
    config_free(first);
    config_free(all);
    unlink(path);
    rmdir(place);
}

static void a_file_that_is_not_there_says_what_to_do(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(config_read_file("/nowhere/chasqui.conf", NULL, NULL, &err));
    assert_non_null(strstr(err.text, "--write-config"));
}

/* ---- files ---- */

static char folder[] = "/tmp/chasqui-config-XXXXXX";

static const char *in_folder(const char *name) {
    static char paths[4][96];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void refused_file(const char *word, const char *other) {
    struct error err = {0};
    if (config_read_file(in_folder("main.conf"), NULL, NULL, &err))
        fail_msg("it was taken, '%s' was expected", word);
    if (!strstr(err.text, word) || !strstr(err.text, other))
        fail_msg("the error lacks '%s' or '%s': %s", word, other, err.text);
}

static void files_are_included(void **state) {
    (void)state;
    struct error err = {0};
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(in_folder("peers"), 0700), 0);
    write_file("main.conf",
               HEAD "include(\"peers/all.conf\")\nroute \"/C=DE\" { next-hop B { } }\n# the end\n");
    write_file("peers/all.conf", "# all of them\ninclude(\"b.conf\")\npeer C { }");
    write_file("peers/b.conf", "peer B { }\n");
    struct config *config = config_read_file(in_folder("main.conf"), NULL, NULL, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(config->mta.peer_count, 2);
    config_free(config);
    write_file("peers/b.conf", "peer B {\n  window-size = 999\n}\n");
    refused_file("peers/b.conf: line 2", "window-size");
    write_file("peers/b.conf", "peer B { }\n");
    write_file("peers/all.conf", "# all of them\ninclude(\"b.conf\")\npeer C { colour = red }\n");
    refused_file("peers/all.conf: line 3", "colour");
    write_file("peers/all.conf", "include(\"b.conf\")\n");
    write_file("main.conf", HEAD "include(\"peers/all.conf\")\n\nroute \"/C=DE\" { next-hop X { } }\n");
    refused_file("main.conf: line 6", "X");
    write_file("peers/all.conf", "\n\ninclude(\"none.conf\")\n");
    refused_file("peers/all.conf: line 3", "none.conf");
    write_file("peers/all.conf", "include(\"../main.conf\")\n");
    write_file("main.conf", HEAD "include(\"peers/all.conf\")\n");
    refused_file("peers/all.conf: line 1", "includes itself");
    write_file("main.conf", HEAD "/*\ninclude(\"none.conf\")\n*/\n");
    config_free(config_read_file(in_folder("main.conf"), NULL, NULL, &err));
    assert_string_equal(err.text, "");
}

static void what_is_no_file_of_text_is_said(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(config_read_file(folder, NULL, NULL, &err)); /* a folder */
    assert_non_null(strstr(err.text, "can't be read"));
    FILE *file = fopen(in_folder("main.conf"), "w");
    fwrite(HEAD "\0peer B { }\n", 1, sizeof HEAD + 12, file);
    fclose(file);
    refused_file("main.conf", "octet of 0");
}

/* ---- slices ---- */

#define ALL_KINDS                                                                                            \
    HEAD "operators = root\nlisten = { \"Internet=127.0.0.1+10102\" }\n"                                     \
         "limits { clients = 7 requests = 9 }\n"                                                             \
         "peer BETA { password = \"their secret\" our-password = \"our \\\"secret\" associations-in = 3 }\n" \
         "route \"/C=DE\" { next-hop BETA { weight = 2 } }\n"                                                \
         "user \"/C=GB/A=GOLD/P=ALPHA/S=r\" { login = root restriction { source-name = \"/C=$\\\\\" } }\n"

static struct config *slice_of(const struct config *config, enum config_process kind, struct buf *text) {
    struct error err = {0};
    buf_init(text, 0);
    assert_true(config_slice(config, kind, text));
    struct config *slice = config_read_slice(buf_span(text), kind, &err);
    assert_string_equal(err.text, "");
    assert_non_null(slice);
    buf_append_byte(text, 0);
    return slice;
}

static void lacks(const struct buf *text, const char *words) {
    if (strstr((const char *)text->data, words))
        fail_msg("'%s' is in a slice where it has no business: %s", words, (const char *)text->data);
}

/* Each process gets what it works with, and what the system answered; secrets go only to those who speak
 * them. */
static void each_kind_gets_its_slice(void **state) {
    (void)state;
    struct error err = {0};
    struct buf text;
    struct config *config = read_text(ALL_KINDS, &err);
    assert_string_equal(err.text, "");
    struct config *store = slice_of(config, CONFIG_STORE, &text);
    assert_int_equal(store->mta.operators_gid, config->mta.operators_gid);
    assert_true(store->mta.users[0].has_uid);
    assert_int_equal(store->mta.users[0].uid, 0);
    assert_int_equal(store->mta.peers[0].max_in, 3);
    assert_int_equal(store->mta.limits.requests, 9);
    assert_int_equal(mts_hop_number(store->mta.tables, "BETA"), 0);
    assert_true(span_eq(store->mta.peers[0].bind.ours.password, SPAN_LIT("our \"secret")));
    assert_true(span_eq(store->mta.peers[0].bind.ours.name, SPAN_LIT("ALPHA-MTA")));
    lacks(&text, "listen");
    config_free(store);
    buf_free(&text);
    struct config *net = slice_of(config, CONFIG_NET, &text);
    assert_string_equal(net->protocol.peers[0].name, "BETA");
    assert_int_equal(net->protocol.listener_count, 1);
    lacks(&text, "secret");
    lacks(&text, "route");
    lacks(&text, "user");
    lacks(&text, "domain");
    config_free(net);
    buf_free(&text);
    struct config *clients = slice_of(config, CONFIG_CLIENTS, &text);
    assert_int_equal(clients->clients.clients_max, 7);
    assert_int_equal(clients->clients.operators_gid, config->mta.operators_gid);
    lacks(&text, "secret");
    lacks(&text, "peer");
    lacks(&text, "listen");
    lacks(&text, "domain");
    config_free(clients);
    buf_free(&text);
    struct config *work = slice_of(config, CONFIG_WORK, &text);
    lacks(&text, "peer");
    lacks(&text, "mta-name");
    config_free(work);
    buf_free(&text);
    config_free(config);
}

/* Every number of a section, with a value that is not its default. */
static void set_numbers(struct buf *text, const struct config_option *section) {
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++)
        if (row->type == CONFIG_NUMBER)
            buf_printf(text, "%s = %lld\n", row->name,
                       (long long)(row->number < row->most ? row->number + 1 : row->number - 1));
}

static void set_section(struct buf *text, const char *name, const char *title) {
    buf_printf(text, "%s %s {\n", name, title);
    set_numbers(text, config_option_named(&config_top, span_str(name), NULL));
    buf_printf(text, "}\n");
}

/* Each limit and timer of the store process is that of its own option, which was moved by one. */
static void each_is_read(const struct mta_limits *moved) {
    struct error err = {0};
    struct config *usual = read_text(HEAD, &err);
    const struct mta_limits *limits = &usual->mta.limits;
#define IS_READ(field) assert_int_equal(moved->field, limits->field + 1)
    IS_READ(envelope_octets);
    IS_READ(envelope_memory);
    IS_READ(associations_in);
    IS_READ(associations_users);
    IS_READ(associations_of_user);
    IS_READ(mailbox_octets);
    IS_READ(submission_octets);
    IS_READ(content_octets);
    IS_READ(leftovers);
    IS_READ(leftover_octets);
    IS_READ(requests);
    IS_READ(gather_us);
    IS_READ(repeat_seconds);
    IS_READ(resume_seconds);
    IS_READ(track_seconds);
#undef IS_READ
    config_free(usual);
}

/* What a kind reads of the numbers is what the file says: none is left out of its slice. */
static void a_slice_holds_the_numbers_that_its_kind_reads(void **state) {
    (void)state;
    struct error err = {0};
    struct buf text, slice;
    buf_init(&text, 0);
    buf_printf(&text, "%s", HEAD);
    set_section(&text, "limits", "");
    set_section(&text, "timers", "");
    set_section(&text, "peer", "BETA");
    struct config *all = config_read(buf_span(&text), "test.conf", &err);
    assert_string_equal(err.text, "");
    buf_free(&text);
    struct config *store = slice_of(all, CONFIG_STORE, &slice);
    assert_memory_equal(&store->mta.limits, &all->mta.limits, sizeof all->mta.limits);
    each_is_read(&all->mta.limits);
    assert_int_equal(mts_self_of(store->mta.tables)->dl_depth, 17);
    const struct mta_peer *peer = &store->mta.peers[0], *given = &all->mta.peers[0];
    assert_int_equal(peer->max_in, given->max_in);
    assert_int_equal(peer->max_out, 5);
    assert_int_equal(peer->idle_seconds, given->idle_seconds);
    assert_int_equal(peer->retry_first, given->retry_first);
    assert_int_equal(peer->retry_most, given->retry_most);
    assert_int_equal(peer->queue_per_association, given->queue_per_association);
    config_free(store);
    buf_free(&slice);
    struct config *net = slice_of(all, CONFIG_NET, &slice);
    assert_int_equal(net->protocol.connections_max, 2001);
    assert_int_equal(net->protocol.opening_max, all->protocol.opening_max);
    assert_int_equal(net->protocol.envelope_octets, all->protocol.envelope_octets);
    assert_int_equal(net->protocol.connect_us, all->protocol.connect_us);
    assert_int_equal(net->protocol.transfer_us, all->protocol.transfer_us);
    assert_int_equal(net->protocol.release_us, all->protocol.release_us);
    assert_int_equal(net->protocol.stop_us, all->protocol.stop_us);
    assert_int_equal(net->protocol.peers[0].tpdu_size, 65530);
    assert_int_equal(net->protocol.peers[0].checkpoint_size, all->protocol.peers[0].checkpoint_size);
    assert_int_equal(net->protocol.peers[0].window_size, all->protocol.peers[0].window_size);
    config_free(net);
    buf_free(&slice);
    struct config *clients = slice_of(all, CONFIG_CLIENTS, &slice);
    assert_int_equal(clients->clients.clients_max, 101);
    assert_int_equal(clients->clients.clients_per_user, all->clients.clients_per_user);
    config_free(clients);
    buf_free(&slice);
    config_free(all);
}

static void collect_rows(const struct config_option *section, unsigned secrets_of, unsigned *count) {
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++) {
        assert_true(row->help && row->help[0] && row->processes);
        assert_int_equal(row->processes & ~(section->processes | CONFIG_PARENT), 0);
        /* A reader has the password of the store's server, and no other. */
        if (row->flags & CONFIG_SECRET)
            assert_int_equal(row->processes & ~secrets_of &
                                 ~(strcmp(row->name, "store-password") == 0 ? (unsigned)CONFIG_READER : 0),
                             0);
        if (row->type == CONFIG_NUMBER)
            assert_true(row->least <= row->number && row->number <= row->most);
        if (row->flags & CONFIG_RESTART)
            assert_ptr_equal(section, &config_top);
        ++*count;
        if (config_is_section(row))
            collect_rows(row, secrets_of, count);
    }
}

/* The table holds to its own rules. */
static void the_table_is_sound(void **state) {
    (void)state;
    unsigned count = 0;
    collect_rows(&config_top, CONFIG_STORE, &count);
    assert_true(count > 100);
}

/* ---- reloads ---- */

static bool has_line(const struct buf *lines, const char *line) {
    size_t length = strlen(line);
    for (const char *at = (const char *)lines->data; at && (at = strstr(at, line)); at++)
        if (at[length] == '\n' && (at == (const char *)lines->data || at[-1] == '\n'))
            return true;
    return false;
}

static void said(struct buf *lines, const char *line) {
    buf_append_byte(lines, 0);
    if (!has_line(lines, line))
        fail_msg("'%s' is not said, but: %s", line, (const char *)lines->data);
    lines->len--;
}

static void a_reload_keeps_what_it_can_not_change(void **state) {
    (void)state;
    struct error err = {0};
    struct config_report report;
    config_report_init(&report);
    struct config *old = read_text(
        HEAD "store = \"/a\" socket = \"/s\" node = n1\n"
             "listen = { \"\\\"P1\\\"/Internet=127.0.0.1+10102\" }\n"
             "peer BETA { password = \"old secret\" our-password = \"x\" idle = 5 }\npeer GAMMA { }\n"
             "user \"" JIM "\" { redirection { } }\n",
        &err);
    write_file(
        "main.conf", HEAD
        "store = \"/b\" socket = \"/t\" node = n2 net-processes = 3\n"
        "listen = { \"Internet=127.0.0.1+10103\", \"Internet=127.0.0.1+10104\" }\n"
        "log-level = debug\n"
        "peer DELTA { }\npeer BETA { password = \"new secret\" former-password = \"old secret\" idle = 0 }\n"
        "user \"" JIM "\" { redirection { max-length = 5 } redirection { } }\n");
    struct config *fresh = config_read_file(in_folder("main.conf"), old, &report, &err);
    assert_string_equal(err.text, "");
    config_free(old);
    buf_append_byte(&report.waiting, 0);
    assert_string_equal(report.waiting.data,
                        "node = \"n2\", was \"n1\"\nstore = \"/b\", was \"/a\"\nsocket = \"/t\", was "
                        "\"/s\"\nnet-processes = 3, was 1\n"
                        "listen = { \"Internet=127.0.0.1+10103\", \"Internet=127.0.0.1+10104\" }, was "
                        "{ \"\\\"P1\\\"/Internet=127.0.0.1+10102\" }\n");
    said(&report.changes, "log-level = \"debug\", was \"info\"");
    said(&report.changes, "peer \"BETA\": password has changed");
    said(&report.changes, "peer \"BETA\": former-password is new");
    said(&report.changes, "peer \"BETA\": our-password is gone");
    said(&report.changes, "peer \"BETA\": idle = 60, was 5");
    said(&report.changes, "peer \"GAMMA\": it is gone");
    said(&report.changes, "peer \"DELTA\": it is new");
    said(&report.changes, "user \"" JIM "\": redirection: max-length = 5, was 0");
    said(&report.changes, "user \"" JIM "\": redirection: it is new");
    lacks(&report.changes, "secret");
    assert_string_equal(fresh->mta.store, "/a");
    assert_string_equal(fresh->mta.node, "n1");
    assert_string_equal(fresh->socket, "/s");
    assert_int_equal(fresh->net_processes, 1);
    assert_int_equal(fresh->protocol.listener_count, 1);
    assert_true(span_eq(fresh->protocol.listeners[0].selectors.t, SPAN_LIT("P1")));
    assert_int_equal(fresh->log_level, LOG_LEVEL_DEBUG);
    config_free(fresh);
    config_report_free(&report);
}

/* ---- what the file may look like ---- */

static void values_are_written_in_many_ways(void **state) {
    (void)state;
    struct error err = {0};
    setenv("CHASQUI_TEST_NAME", "from outside", 1);
    unsetenv("CHASQUI_TEST_NOTHING");
    struct config *config =
        read_text("mta-name = 'single \\' # no comment' # a comment\n"
                  "domain=\"/C=GB/A=GOLD\\\n/P=ALPHA\" // another\n"
                  "run-as = \"\" /* and\none more */ node = \"\\x41\\102\"\n"
                  "listen += \"Internet=127.0.0.1+1\" listen += { \"Internet=127.0.0.1+2\", }\n"
                  "store = ${CHASQUI_TEST_NAME} socket = \"/${CHASQUI_TEST_NOTHING:-s}\"\n"
                  "limits { clients = 0x10 relax-bounds = YES }\n"
                  "peer 'one' { address = \"Internet=192.0.2.1\" checkpoints = off tpdu-size = 0 }",
                  &err);
    assert_string_equal(err.text, "");
    assert_true(span_eq(config->mta.peers[0].bind.ours.name, SPAN_LIT("single ' # no comment")));
    assert_string_equal(config->mta.node, "AB");
    assert_int_equal(config->protocol.listener_count, 2);
    assert_string_equal(config->mta.store, "from outside");
    assert_string_equal(config->socket, "/s");
    assert_int_equal(config->clients.clients_max, 16);
    assert_true(config->mta.limits.relax_bounds);
    assert_int_equal(config->protocol.peers[0].endpoint_count, 1);
    assert_true(config->protocol.peers[0].no_checkpoints);
    assert_int_equal(config->protocol.peers[0].tpdu_size, 65531);
    config_free(config);
}

static void a_variable_that_is_not_set_is_an_error(void **state) {
    (void)state;
    unsetenv("CHASQUI_TEST_NOTHING");
    refused(HEAD "node = ${CHASQUI_TEST_NOTHING}\n", "line 4: the variable 'CHASQUI_TEST_NOTHING'",
            ":-otherwise}");
    refused(HEAD "peer B { password = \"${CHASQUI_TEST_NOTHING}\" }\n", "line 4: the variable", "not set");
    refused(HEAD "node = \"a${CHASQUI\nlimits { }\n", "line 4: '${' begins a variable", "backslash");
    struct error err = {0};
    struct config *config = read_text(HEAD "node = \"n${CHASQUI_TEST_NOTHING:-}\"\n", &err);
    assert_string_equal(err.text, "");
    assert_string_equal(config->mta.node, "n");
    config_free(config);
}

static void what_stands_twice_or_is_unknown_is_said(void **state) {
    (void)state;
    refused(HEAD "node = a\nnode = b\n", "line 5: node appears twice", "line 4");
    refused(HEAD "peer B { idle = 1\nidle = 1 }\n", "line 5: idle appears twice", "line 4");
    refused(HEAD "limits { }\nlimits { }\n", "line 5: limits appears twice", "line 4");
    refused(HEAD "schedule urgent { }\nschedule urgent { }\n", "line 5: schedule \"urgent\" appears twice",
            "line 4");
    refused(HEAD "route \"\" { next-hop B { } next-hop B { } }\n", "next-hop \"B\": it appears twice",
            "line 4");
    refused(HEAD "peer B { windowsize = 1 }\n", "no option 'windowsize' in a peer", "window-size");
    refused(HEAD "peers B { }\n", "'peers'", "mean 'peer'");
    refused(HEAD "tpdu-size = 128\n", "'tpdu-size' does not belong at the top level", "peer");
    refused(HEAD "peer B { net-processes = 2 }\n", "does not belong in a peer", "top level");
    refused(HEAD "peer B { idle = 12x }\n", "'12x' is not a number", "from 1 to 86400");
    refused(HEAD "peer B { idle = \n }\n", "line 5: a value is expected here, not '}'", "");
    refused(HEAD "peer B { idle = 99999999999999999999 }\n", "is not between", "86400");
    refused(HEAD "peer B { idle 5 }\n", "'=' is expected here, not '5'", "");
    refused(HEAD "mta-name += x\n", "'=' is expected here, not '+='", "");
    refused(HEAD "peer { }\n", "the title of the peer is expected", "");
    refused(HEAD "node = \"a\\e[2J\nb\"\n", "line 4: node", "'a?[2J?b'");
    refused(HEAD "catch-all = a*\n", "'*' is out of place", "quotes");
    refused(HEAD "catch-all = \"a\\000b\"\n", "no character", "");
    refused(HEAD "} \n", "the name of an option is expected here, not '}'", "");
    refused(HEAD "include(\"x\")\n", "include", "");
    refused(HEAD "/* no end\n", "line 4: a comment is not closed", "");
    refused(HEAD "node = \"no end\n\n", "line 4: column 8: the quote \" opens a text", "put \"");
    refused(HEAD "peer B {\n\n", "line 4: peer \"B\"", "not closed");
    /* The next quote closes it, and its text would be told as out of place. */
    refused(HEAD "node = \"no end\n\nlisten = { \"Internet=127.0.0.1+1\" }\n",
            "line 4: column 8: the quote \" opens a text", "");
    refused(HEAD "peer B { password = 'x\n our-password = 'y' }\n", "line 4: column 21: the quote ' opens",
            "put '");
    /* Each thing is named once. */
    refused_as(HEAD "listen = { \"nonsense\" }\n", "presentation address");
    refused_as("run-as = \"\"\nmta-name = A\ndomain = \"nonsense\"\n", "domain:");
    refused_as(HEAD "route \"/ZZ=X\" { next-hop B { } }\npeer B { }\n", "route");
    refused_as(HEAD "user \"/ZZ=X\" { }\n", "user");
    refused_as(HEAD "user \"/ZZ=X\" { }\n", "/ZZ=X");
}

/* A person mends them all in one go. */
static void all_that_is_wrong_is_said(void **state) {
    (void)state;
    struct error err = {0};
    struct config_report report;
    config_report_init(&report);
    write_file("main.conf",
               "mta-name = A\nrun-as = \"\"\ncolour = { red, blue }\nnet-processes = 0\n"
               "peer B {\n dialogue = loud\n hue { x = 1 { } }\n idle = 5\n password = a password = b\n}\n"
               "listen = nowhere\npeer C { address = nowhere\n calling-address = x }\n"
               "user x { login = nobody-of-this-name }\n");
    assert_null(config_read_file(in_folder("main.conf"), NULL, &report, &err));
    assert_non_null(strstr(err.text, "line 3"));
    buf_append_byte(&report.complaints, 0);
    static const char *const words[] = {"line 3: there is no option 'colour'",
                                        "line 4: net-processes",
                                        "line 6: ",
                                        "line 7: ",
                                        "line 9: password",
                                        "line 11: ",
                                        "line 12: ",
                                        "line 14: ",
                                        "main.conf: domain: it must be given"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr((const char *)report.complaints.data, words[i]))
            fail_msg("'%s' is not said, but: %s", words[i], (const char *)report.complaints.data);
    config_report_free(&report);
}

/* Of the warnings about a peer, the one that begins as `start`. */
static const char *warning(const struct config *config, const char *start) {
    const struct mta_peer *peer = &config->mta.peers[0];
    for (size_t i = 0; i < peer->warning_count; i++)
        if (strncmp(peer->warnings[i], start, strlen(start)) == 0)
            return peer->warnings[i];
    return NULL;
}

/* Who sets a password believes that it is asked. */
static void a_password_that_is_not_asked_is_warned_of(void **state) {
    static const struct {
        const char *options;
        bool warned;
    } cases[] = {{"unauthenticated = true", false},
                 {"unauthenticated = true password = b", true},
                 {"unauthenticated = true our-password = a", true},
                 {"unauthenticated = true password = b our-password = a", true},
                 {"unauthenticated = false password = b our-password = a", false},
                 {"password = b our-password = a", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        char text[400];
        snprintf(text, sizeof text, HEAD "peer BETA { check-address = true %s }\n", cases[i].options);
        struct config *config = read_text(text, &err);
        assert_string_equal(err.text, "");
        const char *said = warning(config, "unauthenticated: ");
        assert_int_equal(said != NULL, cases[i].warned);
        if (said)
            assert_string_equal(said,
                                "unauthenticated: no password is asked or given then, though one is set");
        config_free(config);
    }
}

/* As many warnings as need memory several times over: without it there is no configuration, and no crash. */
static void without_memory_for_a_warning_it_says_so(void **state) {
    (void)state;
    enum { PEERS = 60 };
    struct buf text;
    struct config *config = NULL;
    buf_init(&text, 0);
    buf_printf(&text, "%s", HEAD);
    for (unsigned i = 0; i < PEERS; i++)
        buf_printf(&text,
                   "peer P%u { permanent = true check-address = true unauthenticated = true password = x }\n",
                   i);
    int64_t allocations = 0;
    for (; !config; allocations++) {
        struct error err = {0};
        mem_fail_after(allocations);
        config = config_read(buf_span(&text), "test.conf", &err);
        mem_fail_after(-1);
        if (!config && !err.text[0])
            fail_msg("no word of it after %lld allocations", (long long)allocations);
    }
    for (unsigned i = 0; i < PEERS; i++)
        assert_int_equal(config->mta.peers[i].warning_count, 3);
    config_free(config);
    buf_free(&text);
}

/* Wherever memory ends, it is said, and nothing is left behind. */
static void without_memory_it_says_so(void **state) {
    (void)state;
    struct error err = {0};
    struct buf text;
    struct config *config = read_text(ALL_KINDS, &err);
    write_file("main.conf", "include(\"b.conf\")\n" ALL_KINDS);
    write_file("b.conf", "peer GAMMA { }\n");
    bool done = false;
    for (int64_t allocations = 0; !done; allocations++) {
        struct config_report report;
        err = (struct error){0};
        config_report_init(&report);
        mem_fail_after(allocations);
        struct config *fresh = config_read_file(in_folder("main.conf"), config, &report, &err);
        buf_init(&text, 0);
        done = config_slice(config, CONFIG_STORE, &text) && fresh;
        mem_fail_after(-1);
        if (!fresh && !err.text[0])
            fail_msg("no word of it after %lld allocations", (long long)allocations);
        config_free(fresh);
        config_report_free(&report);
        buf_free(&text);
    }
    config_free(config);
}

/* What a line costs does not grow with what stands before it. */
static void its_cost_is_linear(void **state) {
    (void)state;
    enum { USERS = 20000 };
    struct error err = {0};
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "%s", HEAD);
    for (unsigned i = 0; i < USERS; i++)
        buf_printf(&text, "user \"/C=GB/A=GOLD/P=ALPHA/S=u%u\" { max-length = %u }\n", i, i);
    struct config *config = config_read(buf_span(&text), "test.conf", &err);
    assert_string_equal(err.text, "");
    assert_int_equal(config->mta.user_count, USERS);
    config_free(config);
    buf_free(&text);
}

/* ---- selectors ---- */

#define LISTEN_AT "/Internet=127.0.0.1+1102"

static void lines_that_differ_in_a_selector_share_a_socket(void **state) {
    (void)state;
    struct error err = {0};
    struct config *config = read_text(HEAD "listen = { \"\\\"591\\\"" LISTEN_AT "\",\n"
                                           "\"\\\"592\\\"" LISTEN_AT "\",\n"
                                           "\"\\\"592\\\"/Internet=127.0.0.1+1103\",\n"
                                           "\"\\\"S1\\\"/\\\"593\\\"" LISTEN_AT "\",\n"
                                           "\"\\\"P1\\\"/\\\"S2\\\"/\\\"593\\\"" LISTEN_AT "\" }\n",
                                      &err);
    assert_string_equal(err.text, "");
    const struct protocol_listener *listener = config->protocol.listeners;
    assert_int_equal(config->protocol.listener_count, 2);
    assert_true(span_eq(listener->selectors.t, SPAN_LIT("591")));
    assert_int_equal(listener->other_count, 3);
    assert_true(span_eq(listener->others[0].t, SPAN_LIT("592")));
    assert_true(span_eq(listener->others[1].s, SPAN_LIT("S1")));
    assert_true(span_eq(listener->others[2].p, SPAN_LIT("P1")));
    assert_int_equal(listener[1].other_count, 0);
    config_free(config);
}

/* Of two lines that take the same calls one says nothing, whichever comes first. */
static void lines_that_take_the_same_calls_are_refused(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", "\\\"592\\\""},
                                           {"\\\"592\\\"", "\\\"592\\\""},
                                           {"\\\"S1\\\"/\\\"592\\\"", "\\\"592\\\""},
                                           {"\\\"592\\\"", "\\\"P\\\"/\\\"S\\\"/\\\"592\\\""}};
    for (size_t i = 0; i < 2 * sizeof pairs / sizeof *pairs; i++) {
        struct error err = {0};
        char text[400];
        const char *first = pairs[i / 2][i % 2], *second = pairs[i / 2][1 - i % 2];
        snprintf(text, sizeof text, HEAD "listen = { \"%s%s\", \"%s%s\" }\n", first,
                 *first ? LISTEN_AT : &LISTEN_AT[1], second, *second ? LISTEN_AT : &LISTEN_AT[1]);
        assert_null(read_text(text, &err));
        assert_non_null(strstr(err.text, "take the same calls"));
    }
}

static void an_address_may_be_for_one_context(void **state) {
    (void)state;
    struct error err = {0};
    struct config *config =
        read_text(HEAD "peer OLD {\n"
                       "  application-contexts = { mts-transfer, mts-transfer-protocol-1984 }\n"
                       "  address = { \"mts-transfer-protocol-1984 \\\"592\\\"/Internet=old.example+102\", "
                       "\"mts-transfer \\\"591\\\"/Internet=127.0.0.2+102\", \"Internet=127.0.0.3+102\" }\n"
                       "}\n",
                  &err);
    assert_string_equal(err.text, "");
    const struct protocol_peer *peer = &config->protocol.peers[0];
    assert_int_equal(peer->endpoint_count, 3);
    assert_int_equal(peer->endpoints[0].contexts, OSI_MTS_TRANSFER_PROTOCOL_1984);
    assert_true(span_eq(peer->endpoints[0].called.t, SPAN_LIT("592")));
    assert_int_equal(peer->endpoints[1].contexts, OSI_MTS_TRANSFER);
    assert_true(span_eq(peer->endpoints[1].called.t, SPAN_LIT("591")));
    assert_int_equal(peer->endpoints[2].contexts, OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL_1984);
    assert_null(peer->endpoints[2].called.t.data);
    config_free(config);
    /* one that is not among the peer's contexts */
    assert_null(read_text(
        HEAD "peer OLD { address = { \"mts-transfer-protocol \\\"592\\\"/Internet=127.0.0.2+102\" } }\n",
        &err));
    assert_non_null(strstr(err.text, "not a presentation address"));
}

/* What an MTA of 1984 can't take never goes over its protocol, whatever `edition` says. */
static void the_edition_follows_the_contexts(void **state) {
    (void)state;
    struct error err = {0};
    char place[20];
    assert_null(read_text(
        HEAD "peer OLD { application-contexts = { mts-transfer-protocol-1984 } edition = 1988 }\n", &err));
    assert_non_null(strstr(err.text, "is of edition 1984"));
    static const char *const texts[][2] = {
        {"application-contexts = { mts-transfer-protocol-1984 }", "1984"},
        {"application-contexts = { mts-transfer, mts-transfer-protocol-1984 }", "1984"},
        {"application-contexts = { mts-transfer-protocol-1984 } edition = 1984 content-1984-only = false",
         "1984"},
        {"application-contexts = { mts-transfer-protocol, mts-transfer }", "1988"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[400];
        err = (struct error){0};
        snprintf(text, sizeof text, HEAD "peer OLD { domain = \"/C=DE/A=OLD\" %s }\n", texts[i][0]);
        struct config *config = read_text(text, &err);
        assert_string_equal(err.text, "");
        const struct mts_hop *hop = mts_hop_of(config->mta.tables, 0);
        snprintf(place, sizeof place, "%s", hop->edition == MTS_EDITION_1984 ? "1984" : "1988");
        assert_string_equal(place, texts[i][1]);
        assert_int_equal(hop->edition_1984_content_only, i < 2);
        config_free(config);
    }
}

static size_t lines_of(const struct buf *lines) {
    struct span rest = buf_span(lines), line;
    size_t count = 0;
    while (lines_next(&rest, &line))
        count++;
    return count;
}

static bool holds(const struct buf *lines, const char *text) {
    return memmem(lines->data, lines->len, text, strlen(text)) != NULL;
}

/* With file and line, as far as there are lines for people to read; one without a tab is none. */
static void remarks_are_told_with_their_places(void **state) {
    struct error err = {0};
    struct buf remarks, warnings;
    (void)state;
    struct config *config = read_text(HEAD "user \"/C=GB/A=GOLD/P=ALPHA/S=one\" { }\n"
                                           "user \"/C=GB/A=GOLD/P=ALPHA/S=two\" { }\n",
                                      &err);
    assert_non_null(config);
    buf_init(&remarks, 0);
    buf_init(&warnings, 0);
    config_add_remarks(config, SPAN_LIT(""), &warnings);
    config_add_remarks(config, SPAN_LIT("no tab\n/C=GB/A=GOLD/P=ALPHA/S=two\tone\nnobody\t\x1B[2J"),
                       &warnings);
    assert_true(
        span_eq(buf_span(&warnings), SPAN_LIT("test.conf: line 5: user \"/C=GB/A=GOLD/P=ALPHA/S=two\": one\n"
                                              "test.conf: user \"nobody\": ?[2J\n")));
    buf_clear(&warnings);
    for (int i = 0; i < 250; i++)
        buf_printf(&remarks, "/C=GB/A=GOLD/P=ALPHA/S=one\t%d\n", i);
    config_add_remarks(config, buf_span(&remarks), &warnings);
    assert_int_equal(lines_of(&warnings), 101);
    assert_true(holds(&warnings, "line 4: user \"/C=GB/A=GOLD/P=ALPHA/S=one\": 99\n"));
    assert_true(holds(&warnings, "test.conf: more users of whom the like is to be said: 150\n"));
    buf_free(&remarks);
    buf_free(&warnings);
    config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_understood),
        cmocka_unit_test(directory_names_and_classes_are_read),
        cmocka_unit_test(errors_name_place_and_cause),
        cmocka_unit_test(remarks_are_told_with_their_places),
        cmocka_unit_test(the_line_is_the_options_own),
        cmocka_unit_test(files_are_included),
        cmocka_unit_test(lines_that_differ_in_a_selector_share_a_socket),
        cmocka_unit_test(lines_that_take_the_same_calls_are_refused),
        cmocka_unit_test(an_address_may_be_for_one_context),
        cmocka_unit_test(the_edition_follows_the_contexts),
        cmocka_unit_test(what_is_no_file_of_text_is_said),
        cmocka_unit_test(each_kind_gets_its_slice),
        cmocka_unit_test(a_slice_holds_the_numbers_that_its_kind_reads),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(values_are_written_in_many_ways),
        cmocka_unit_test(a_variable_that_is_not_set_is_an_error),
        cmocka_unit_test(what_stands_twice_or_is_unknown_is_said),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(a_password_that_is_not_asked_is_warned_of),
        cmocka_unit_test(without_memory_for_a_warning_it_says_so),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(its_cost_is_linear),
        cmocka_unit_test(a_reload_keeps_what_it_can_not_change),
        cmocka_unit_test(the_first_configuration_is_right),
        cmocka_unit_test(the_example_says_the_defaults),
        cmocka_unit_test(a_file_that_is_not_there_says_what_to_do),
    };
    return cmocka_run_group_tests_name("mhsd-config", tests, NULL, NULL);
}
