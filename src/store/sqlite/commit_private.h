/* A commit under way: what it finds out before it is done. */
#ifndef STORE_SQLITE_COMMIT_PRIVATE_H
#define STORE_SQLITE_COMMIT_PRIVATE_H

#include "store/batch_private.h"
#include "store/sqlite/sqlite_private.h"

/* ---- verdict.c ---- */

/* The operation's request gets `err` as its verdict, and there will be another pass without it; `err` is
 * cleared then. False: that fails the whole commit. */
bool commit_gives_verdict(struct commit *commit, const struct operation *operation, struct error *err);

/* ---- commit_rows.c ---- */
bool rows_write(struct commit *commit, struct operation *operation, struct error *err);
/* Inserts the new messages and settles the counts of the others. */
bool rows_settle_messages(struct commit *commit, struct error *err);
bool rows_write_packed(struct commit *commit, struct error *err);
bool rows_write_names(struct commit *commit, struct error *err);

/* ---- commit_content.c ---- */
/* Lists the segments with octets of the operation's content that are to be durable before any row. */
bool contents_prepare(struct commit *commit, struct operation *operation, struct error *err);
/* Adds `change` to the references of content `id`. */
bool contents_count(struct commit *commit, uint64_t id, int64_t change, struct error *err);
bool contents_settle(struct commit *commit, struct error *err);
/* The transaction is durable. */
void contents_apply(struct commit *commit);

/* ---- bodies.c ---- */
/* Adds the segments with octets of the content that no row points at yet, unless they were synced for this
 * commit. */
bool bodies_list(struct commit *commit, const struct content *content, struct error *err);
/* Syncs what is listed; also on the store's thread, while nothing is listed. */
void bodies_sync(struct commit *commit);
/* Afterwards: memory says so. False: a sync failed. */
bool bodies_end(struct commit *commit, struct error *err);
/* Nothing is listed any more. */
void bodies_forget(struct commit *commit);

/* ---- drain.c ---- */
/* Writes rows of the sealed tables. */
bool runs_drain(struct commit *commit, struct error *err);
void runs_apply(struct commit *commit);

#endif
