#include "mta/view.h"

#include "store/store.h"

void view_init(struct view *view, const struct mta_config *config) {
    *view = (struct view){.config = config};
    arena_init(&view->arena, config->limits.envelope_memory);
    buf_init(&view->head, 0);
    buf_init(&view->scratch, 0);
}

void view_free(struct view *view) {
    users_free(&view->users);
    store_close(view->store);
    arena_free(&view->arena);
    buf_free(&view->head);
    buf_free(&view->scratch);
}
