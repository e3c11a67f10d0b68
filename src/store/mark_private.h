/* What says that a store was moved away, or that a move into it is not at its end (move.c has the order). */
#ifndef STORE_MARK_PRIVATE_H
#define STORE_MARK_PRIVATE_H

#include "store/store_private.h"

#define TOKEN 16

enum mark_state { NO_MARK, FILLING, FILLED, MOVED };

struct mark {
    enum mark_state state;
    uint8_t token[TOKEN]; /* of the move */
    char other[400];      /* the other store's place, to be shown */
};

bool mark_read(struct store *store, struct mark *mark, struct error *err);
/* Durable when it returns. NO_MARK: takes it away. */
bool mark_write(struct store *store, const struct mark *mark, struct error *err);
/* Says in `err` why the store at `place` is not the one to work with; returns false. */
bool mark_refuses(const char *place, const struct mark *mark, struct error *err);

/* False with STORE_MOVED: the store is not the one to work with. */
bool move_is_over(struct store *store, struct error *err);

#endif
