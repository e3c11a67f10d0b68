/* Seals of users of message stores: good for the mailbox that they were made for, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../store/place.h"

#include "mta/ms_seal.h"
#include "mta/view.h"

#define ANN SPAN_LIT("/C=GB/A=GOLD/P=ALPHA/S=ann")
#define BEN SPAN_LIT("/C=GB/A=GOLD/P=ALPHA/S=ben")

static struct view open_view(const char *place) {
    static const struct store_options options = {.create = true};
    struct view view = {.config = NULL};
    struct error err = {0};
    view.store = store_open(place, &options, &err);
    assert_non_null(view.store);
    assert_true(ms_seal_begin(view.store, &err));
    return view;
}

static void a_seal_is_good_for_its_mailbox_alone(void **state) {
    char place[PLACE_MAX];
    uint8_t seal[MS_SEAL], other[MS_SEAL];
    (void)state;
    assert_true(place_make(place));
    struct view view = open_view(place);
    assert_true(ms_seal(&view, ANN, seal) && ms_seal(&view, BEN, other));
    assert_true(ms_seal_is_right(&view, ANN, span_of(seal, MS_SEAL)));
    assert_false(ms_seal_is_right(&view, BEN, span_of(seal, MS_SEAL)));
    assert_false(ms_seal_is_right(&view, ANN, span_of(other, MS_SEAL)));
    assert_false(ms_seal_is_right(&view, SPAN_LIT(""), span_of(seal, MS_SEAL)));
    for (size_t length = 0; length < MS_SEAL; length++)
        assert_false(ms_seal_is_right(&view, ANN, span_of(seal, length)));
    for (size_t i = 0; i < MS_SEAL; i++) {
        seal[i] ^= 1;
        assert_false(ms_seal_is_right(&view, ANN, span_of(seal, MS_SEAL)));
        seal[i] ^= 1;
    }
    store_close(view.store);
    place_remove(place);
}

/* A reader that goes on over a start of the store process believes the seals of before, and the other way
 * round; another store has another secret. */
static void a_seal_outlives_a_start_and_is_of_one_store(void **state) {
    char place[PLACE_MAX], elsewhere[PLACE_MAX];
    uint8_t seal[MS_SEAL];
    (void)state;
    assert_true(place_make(place));
    assert_true(place_make(elsewhere));
    struct view view = open_view(place), another = open_view(elsewhere);
    assert_true(ms_seal(&view, ANN, seal));
    assert_false(ms_seal_is_right(&another, ANN, span_of(seal, MS_SEAL)));
    store_close(view.store);
    view = open_view(place);
    assert_true(ms_seal_is_right(&view, ANN, span_of(seal, MS_SEAL)));
    store_close(view.store);
    store_close(another.store);
    place_remove(place);
    place_remove(elsewhere);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_is_good_for_its_mailbox_alone),
        cmocka_unit_test(a_seal_outlives_a_start_and_is_of_one_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
