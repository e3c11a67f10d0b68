/* The rooms below convert characters and read times with state of the whole process: one thread at a time. */
#include <pthread.h>

#include "access/access_private.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void access_lock(void) {
    pthread_mutex_lock(&lock);
}

void access_unlock(void) {
    pthread_mutex_unlock(&lock);
}
