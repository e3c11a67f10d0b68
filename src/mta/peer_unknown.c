/* A name that no peer has. */
#include "base/nearest.h"
#include "mta/client.h"
#include "mta/mta_private.h"
#include "mta/peer_show.h"

json_t *peer_unknown(const struct mta *mta, const char *name) {
    const struct peer *removed = peer_find(mta, span_str(name));
    struct nearest nearest = nearest_begin(span_str(name));
    if (removed && !removed->config)
        return client_error(
            "not-found",
            "the peer %.64s is not in the configuration any more: 'mhs peer reroute %.64s' sends what "
            "waits for it another way",
            name, name);
    for (size_t i = 0; i < mta->destination_count; i++) {
        const struct peer *peer = peer_of(mta->destinations[i]);
        if (peer && peer->config)
            nearest_try(&nearest, peer->name);
    }
    if (!nearest.name)
        return client_error("not-found", "no peer has the name %.64s; 'mhs peer list' shows them", name);
    return client_error("not-found",
                        "no peer has the name %.64s; did you mean '%.64s'? 'mhs peer list' shows them", name,
                        nearest.name);
}
