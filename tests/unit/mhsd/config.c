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
    assert_true(span_eq(peer->called.t, SPAN_LIT("591")));
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

static void errors_name_place_and_cause(void **state) {
    (void)state;
    refused("domain = \"/C=GB/A=GOLD\"\nrun-as = \"\"\n", "mta-name", "1 to 32");
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
    refused(HEAD "peer B { }\npeer B { }\n", "line 5", "duplicate");
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
    assert_true(config_write_first(path, place, &err));
    struct config *config = config_read_file(path, NULL, &err);
    assert_string_equal(err.text, "");
    assert_non_null(config);
    config_free(config);
    /* It never writes over one that is there. */
    assert_false(config_write_first(path, place, &err));
    unlink(path);
    rmdir(place);
}

static void a_file_that_is_not_there_says_what_to_do(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(config_read_file("/nowhere/chasqui.conf", NULL, &err));
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
    if (config_read_file(in_folder("main.conf"), NULL, &err))
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
    struct config *config = config_read_file(in_folder("main.conf"), NULL, &err);
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
    refused_file("line", "include");
    write_file("main.conf", HEAD "/*\ninclude(\"none.conf\")\n*/\n");
    config_free(config_read_file(in_folder("main.conf"), NULL, &err));
    assert_string_equal(err.text, "");
}

static void what_is_no_file_of_text_is_said(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(config_read_file(folder, NULL, &err)); /* a folder */
    assert_non_null(strstr(err.text, "can't be read"));
    FILE *file = fopen(in_folder("main.conf"), "w");
    fwrite(HEAD "\0peer B { }\n", 1, sizeof HEAD + 12, file);
    fclose(file);
    refused_file("main.conf", "octet of 0");
}

/* A process in a sandbox can't ask the system: it gets the answers with the text. */
static void what_the_system_answered_goes_with_the_text(void **state) {
    (void)state;
    struct error err = {0};
    struct buf text;
    buf_init(&text, 0);
    write_file("main.conf", HEAD "operators = root\nlisten = { \"Internet=127.0.0.1+10102\" }\n"
                                 "user \"/C=GB/A=GOLD/P=ALPHA/S=r\" { login = root }\n");
    struct config *config = config_read_file(in_folder("main.conf"), &text, &err);
    assert_string_equal(err.text, "");
    struct span whole = buf_span(&text);
    uint8_t *answers = memchr(text.data, 0, text.len);
    assert_non_null(answers);
    struct config *again = config_read(whole, "main.conf", &err);
    assert_string_equal(err.text, "");
    assert_int_equal(again->mta.operators_gid, config->mta.operators_gid);
    assert_int_equal(again->mta.users[0].uid, 0);
    assert_memory_equal(&again->protocol.listeners[0].endpoint, &config->protocol.listeners[0].endpoint,
                        sizeof again->protocol.listeners[0].endpoint);
    config_free(again);
    /* Without an answer it is not known, though this process could ask. */
    again = config_read(span_sub(whole, 0, (size_t)(answers + 1 - text.data)), "main.conf", &err);
    assert_null(again);
    assert_non_null(strstr(err.text, "operators"));
    config_free(config);
    buf_free(&text);
}

static char told[200];

static void tell(const char *option) {
    strcat(strcat(told, option), " ");
}

static void a_reload_keeps_what_it_can_not_change(void **state) {
    (void)state;
    struct error err = {0};
    struct config *old = read_text(HEAD "store = \"/a\" socket = \"/s\" node = n1\n"
                                        "listen = { \"\\\"P1\\\"/Internet=127.0.0.1+10102\" }\n",
                                   &err);
    struct config *fresh =
        read_text(HEAD "store = \"/b\" socket = \"/t\" node = n2 net-processes = 3\n"
                       "listen = { \"Internet=127.0.0.1+10103\", \"Internet=127.0.0.1+10104\" }\n"
                       "log-level = debug\n",
                  &err);
    assert_string_equal(err.text, "");
    assert_true(config_keep(fresh, old, tell));
    assert_string_equal(told, "store node socket net-processes listen ");
    config_free(old);
    assert_string_equal(fresh->mta.store_directory, "/a");
    assert_string_equal(fresh->mta.node, "n1");
    assert_string_equal(fresh->socket, "/s");
    assert_int_equal(fresh->net_processes, 1);
    assert_int_equal(fresh->protocol.listener_count, 1);
    assert_true(span_eq(fresh->protocol.listeners[0].selectors.t, SPAN_LIT("P1")));
    assert_int_equal(fresh->log_level, LOG_LEVEL_DEBUG);
    config_free(fresh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_understood),
        cmocka_unit_test(directory_names_and_classes_are_read),
        cmocka_unit_test(errors_name_place_and_cause),
        cmocka_unit_test(the_line_is_the_options_own),
        cmocka_unit_test(files_are_included),
        cmocka_unit_test(what_is_no_file_of_text_is_said),
        cmocka_unit_test(what_the_system_answered_goes_with_the_text),
        cmocka_unit_test(a_reload_keeps_what_it_can_not_change),
        cmocka_unit_test(the_first_configuration_is_right),
        cmocka_unit_test(a_file_that_is_not_there_says_what_to_do),
    };
    return cmocka_run_group_tests_name("mhsd-config", tests, NULL, NULL);
}
