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
    struct config *config =
        read_text(HEAD "listen = { \"\\\"P1\\\"/Internet=127.0.0.1+10102\" }\n"
                       "name-servers = { \"192.0.2.53\" }\n"
                       "peer BETA {\n"
                       "  address = { \"\\\"591\\\"/Internet=127.0.0.2+102\", "
                       "\"\\\"591\\\"/Internet=beta.example+1102\" }\n"
                       "  mta-name = \"BETA-MTA\" password = \"b\" our-password = \"a\"\n"
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
    assert_true(span_eq(peer->our_mta_name, SPAN_LIT("ALPHA-MTA")));
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
}

static void the_first_configuration_is_right(void **state) {
    (void)state;
    char folder[] = "/tmp/chasqui-config-XXXXXX", path[64];
    struct error err = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/chasqui.conf", folder);
    assert_true(config_write_first(path, folder, &err));
    struct config *config = config_read_file(path, NULL, &err);
    assert_string_equal(err.text, "");
    assert_non_null(config);
    config_free(config);
    /* It never writes over one that is there. */
    assert_false(config_write_first(path, folder, &err));
    unlink(path);
    rmdir(folder);
}

static void a_file_that_is_not_there_says_what_to_do(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(config_read_file("/nowhere/chasqui.conf", NULL, &err));
    assert_non_null(strstr(err.text, "--write-config"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_understood),
        cmocka_unit_test(directory_names_and_classes_are_read),
        cmocka_unit_test(errors_name_place_and_cause),
        cmocka_unit_test(the_first_configuration_is_right),
        cmocka_unit_test(a_file_that_is_not_there_says_what_to_do),
    };
    return cmocka_run_group_tests_name("mhsd-config", tests, NULL, NULL);
}
