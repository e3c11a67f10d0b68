/*
 * What a test may tell the PostgreSQL engine, by store_options.engine.
 */
#ifndef STORE_POSTGRES_OPTIONS_H
#define STORE_POSTGRES_OPTIONS_H

struct postgres_options {
    int answer_ms; /* for an answer to a read; 0: PG_ANSWER_MS */
    int commit_ms; /* before a commit is late; 0: PG_PATIENCE_MS / 2 */
};

#endif
