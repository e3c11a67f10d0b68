/* The commands of `mhs`. Each is run with argv[0] = its name and returns an enum command_status. */
#ifndef MHS_COMMANDS_H
#define MHS_COMMANDS_H

int cmd_cancel(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_forward(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_peer(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_receipt(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_reply(int argc, char **argv);
int cmd_reply_all(int argc, char **argv);
int cmd_sent(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_save(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_track(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* `peer reroute`: the redirection of all that waits for a peer. */
int queue_reroute(int argc, char **argv);

#endif
