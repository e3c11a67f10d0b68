/* May it be? Of each bind that comes in, and of each responder that has accepted ours, the store process is
 * asked (IPC_BIND): it alone knows the peers' names and passwords. */
#include "protocol/p1_private.h"

void p1_ask(struct p1 *p1, const struct osi_open *open, struct ipc_bind *bind) {
    struct connection *c = p1->connection;
    struct buf payload, id, recovered;
    buf_init_secret(&payload, 0);
    buf_init(&id, 0);
    buf_init(&recovered, 0);
    connection_id_write(&open->id, &id);
    if (c->inbound && open->recover)
        connection_id_write(&open->recovered, &recovered);
    bind->address = span_str(c->address);
    bind->mode = p1_mode(open->context);
    bind->two_way_alternate = open->dialogue == OSI_TWO_WAY_ALTERNATE;
    bind->id = buf_span(&id);
    bind->recover_id = c->inbound ? buf_span(&recovered) : buf_span(&p1->call.recover_id);
    ipc_bind_write(bind, &payload);
    net_tell(c->net, IPC_BIND, c->ref, &payload);
    buf_free(&id);
    buf_free(&recovered);
    c->state = CONNECTION_ADMISSION;
    c->announced = true;
}
