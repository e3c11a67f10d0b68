#include "mta/bytes.h"

#include <stdlib.h>

#include "base/alloc.h"

struct bytes *bytes_new(struct span head, struct span rest) {
    struct bytes *bytes = mem_resize(NULL, sizeof *bytes + head.len + rest.len);
    if (!bytes)
        return NULL;
    *bytes = (struct bytes){.owners = 1, .head = head.len, .length = head.len + rest.len};
    if (head.len)
        memcpy(bytes->data, head.data, head.len);
    if (rest.len)
        memcpy(bytes->data + head.len, rest.data, rest.len);
    return bytes;
}

struct bytes *bytes_keep(struct bytes *bytes) {
    bytes->owners++;
    return bytes;
}

size_t bytes_drop(struct bytes *bytes) {
    if (!bytes || --bytes->owners > 0)
        return 0;
    size_t length = bytes->length;
    mem_free(bytes);
    return length;
}
