/* A world whose store can't write for a while. */
#ifndef DISK_H
#define DISK_H

#include <sys/resource.h>

#include "world.h"

/* A limit on the length of files stands for the full disk: writes beyond it fail. At the server a trigger on
 * what each commit and each probe writes says that it is full. */
UNUSED static void fill_disk(const struct world *world) {
    struct rlimit limit = {1, RLIM_INFINITY};
    if (place_server())
        assert_true(place_spoil(world->place, "",
                                "CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION"
                                " 'a full disk' USING ERRCODE = 'disk_full'; END $$ LANGUAGE plpgsql;"
                                "CREATE TRIGGER full_disk BEFORE UPDATE ON node FOR EACH STATEMENT EXECUTE"
                                " FUNCTION full_disk();"
                                "CREATE TRIGGER full_disk BEFORE INSERT ON setting FOR EACH STATEMENT EXECUTE"
                                " FUNCTION full_disk()"));
    else
        assert_int_equal(prlimit(world->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

UNUSED static void empty_disk(const struct world *world) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (place_server())
        assert_true(place_spoil(world->place, "", "DROP FUNCTION full_disk() CASCADE"));
    else
        assert_int_equal(prlimit(world->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* It says so, after a commit that failed. */
UNUSED static bool is_refusing(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"status\"}");
    bool refusing = strcmp(json_string_value(json_object_get(answer, "state")), "refusing") == 0;
    json_decref(answer);
    return refusing;
}

#endif
