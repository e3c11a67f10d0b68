/* The numbers that a configuration gives, for tests that are about something else. */
#ifndef TESTS_NUMBERS_H
#define TESTS_NUMBERS_H

/* In a struct mts_self. */
#define NUMBERS_OF_SELF                                                                                      \
    .dl_depth = 16, .schedules = {                                                                           \
                        [MTS_NORMAL] = {86400, 120, 1800},                                                   \
                        [MTS_NON_URGENT] = {129600, 300, 3600},                                              \
                        [MTS_URGENT] = {14400, 60, 900},                                                     \
    }

/* In a struct mta_peer. */
#define NUMBERS_OF_PEER                                                                                      \
    .max_in = 10, .max_out = 4, .idle_seconds = 60, .retry_first = 1, .retry_most = 1800,                    \
    .queue_per_association = 10

/* In a struct mta_limits. */
#define NUMBERS_OF_LIMITS                                                                                    \
    .envelope_octets = (size_t)8 << 20, .envelope_memory = (size_t)64 << 20, .associations_in = 2000,        \
    .associations_users = 5000, .associations_of_user = 20, .requests = 512,                                 \
    .batch_octets = 16 * 1024 * 1024, .repeat_seconds = 20 * 86400, .resume_seconds = 3 * 86400,             \
    .track_seconds = 30 * 86400

/* In a struct protocol_config; all but the longest envelope. */
#define NUMBERS_OF_PROTOCOL                                                                                  \
    .connections_max = 2000, .opening_max = 200, .connect_us = 60 * 1000000, .transfer_us = 300 * 1000000,   \
    .release_us = 30 * 1000000, .stop_us = 5 * 1000000

#endif
