/* The sockets that the parent shares with its processes: whatever one of those left them in, who follows it
 * is called at the same place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mhsd/sockets.h"

#define LISTENERS 2

struct world {
    struct config config;
    struct protocol_listener listeners[LISTENERS];
    struct sockets sockets;
    struct sockaddr_in places[LISTENERS]; /* as they are from outside */
    char folder[40], path[60], beside[62];
    size_t descriptors; /* that were open before */
};

/* Where connect_it has connected one to; it is there until the world ends. */
static int elsewhere = -1;

static size_t open_descriptors(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Of a port that is named: one that the kernel chose is not kept by a socket that was shut. */
static struct sockaddr_in free_place(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return address;
}

static void begin(struct world *world) {
    struct error err = {0};
    *world = (struct world){.descriptors = open_descriptors()};
    snprintf(world->folder, sizeof world->folder, "/tmp/chasqui-sockets-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/mhsd.sock", world->folder);
    snprintf(world->beside, sizeof world->beside, "%s~", world->path);
    for (size_t i = 0; i < LISTENERS; i++) {
        struct sockaddr_in address = free_place();
        struct protocol_endpoint *endpoint = &world->listeners[i].endpoint;
        world->places[i] = address;
        memcpy(&endpoint->address, &address, sizeof address);
        endpoint->length = sizeof address;
    }
    world->config.socket = world->path;
    world->config.protocol.listeners = world->listeners;
    world->config.protocol.listener_count = LISTENERS;
    if (!sockets_open(&world->sockets, &world->config, &err))
        fail_msg("%s", err.text);
}

static void end(struct world *world) {
    if (elsewhere >= 0)
        close(elsewhere);
    elsewhere = -1;
    sockets_close(&world->sockets, &world->config);
    assert_int_equal(rmdir(world->folder), 0); /* nothing is left in it */
    assert_int_equal(open_descriptors(), world->descriptors);
}

/* A connection comes there, and is taken from `listener`. */
static bool calls(const struct sockaddr *address, socklen_t length, int listener) {
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int status = connect(fd, address, length);
    bool called = status == 0 || errno == EINPROGRESS;
    int taken = called && poll(&ready, 1, 2000) > 0 && ready.revents == POLLIN
                    ? accept4(listener, NULL, NULL, SOCK_NONBLOCK)
                    : -1;
    close(fd);
    if (taken >= 0)
        close(taken);
    return taken >= 0;
}

static bool calls_listener(const struct world *world, size_t i) {
    return calls((const struct sockaddr *)&world->places[i], sizeof world->places[i],
                 world->sockets.listeners[i]);
}

static struct sockaddr_un local_address(const struct world *world) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, world->path, strlen(world->path) + 1);
    return address;
}

static bool calls_local(const struct world *world) {
    struct sockaddr_un address = local_address(world);
    return calls((const struct sockaddr *)&address, sizeof address, world->sockets.local);
}

/* Whoever has it still takes nobody's calls: it is shut. */
static bool takes_nothing(int fd) {
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};
    return poll(&end, 1, 0) > 0 && end.revents & (POLLHUP | POLLRDHUP);
}

/* ---- what a process that was taken over does to a socket ---- */

static void leave_alone(int fd) {
    (void)fd;
}

static void shut(int fd) {
    assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
}

static void drop_all(int fd) {
    struct sock_filter none = {.code = 6}; /* BPF_RET: no octet */
    struct sock_fprog program = {.len = 1, .filter = &none};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

static void drop_all_for_good(int fd) {
    int one = 1;
    drop_all(fd);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof one), 0);
}

static void make_block(int fd) {
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* Its place is another's by now: listen(2) fails. */
static void connect_it(int fd) {
    struct sockaddr_in none = {.sin_family = AF_UNSPEC}, there = {.sin_family = AF_INET};
    int other = elsewhere = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof there;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(other, (const struct sockaddr *)&there, sizeof there), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&there, &length), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&none, sizeof none), 0);
    fcntl(fd, F_SETFL, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&there, sizeof there), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void starve(int fd) {
    int least = 0, one = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
    if (setsockopt(fd, IPPROTO_IP, IP_MINTTL, &(int){255}, sizeof(int)) == 0) /* nobody is so near */
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static const struct deed {
    const char *name;
    void (*does)(int fd);
    bool roots;    /* some kernels let root alone do it */
    bool to_local; /* it is done to the local socket, too */
    bool for_good; /* nothing undoes it */
} deeds[] = {{"it is left alone", leave_alone, .to_local = true},
             {"it is shut", shut, .to_local = true},
             {"all is dropped", drop_all, .roots = true},
             {"all is dropped for good", drop_all_for_good, .roots = true, .for_good = true},
             {"it blocks", make_block, .to_local = true},
             {"it is connected", connect_it, .for_good = true},
             {"it is starved", starve}};

/* A world for each deed; what was done shows in the name of what fell. */
static void after_each(void (*check)(struct world *world, const struct deed *deed), bool to_local) {
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        struct world world;
        if ((deeds[i].roots && geteuid() != 0) || (to_local && !deeds[i].to_local))
            continue;
        print_message("# %s\n", deeds[i].name);
        begin(&world);
        check(&world, &deeds[i]);
        end(&world);
    }
}

/* ---- tests ---- */

static void listener_is_renewed(struct world *world, const struct deed *deed) {
    int kept = dup(world->sockets.listeners[0]); /* somebody has it still */
    deed->does(kept);
    assert_true(sockets_renew_listeners(&world->sockets));
    assert_true(calls_listener(world, 0));
    assert_true(calls_listener(world, 1));
    assert_int_equal(fcntl(world->sockets.listeners[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_true(takes_nothing(kept));
    close(kept);
}

static void a_listener_is_renewed_whatever_was_done_to_it(void **state) {
    (void)state;
    after_each(listener_is_renewed, false);
}

/* Beside listeners that were renewed as beside those that were opened at the start. */
static void a_second_daemon_finds_the_place_taken(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    for (int renewed = 0; renewed < 2; renewed++) {
        struct config config = world.config;
        struct sockets second;
        struct error err = {0};
        config.socket = world.beside;
        assert_false(sockets_open(&second, &config, &err));
        assert_int_equal(err.code, EADDRINUSE);
        sockets_close(&second, &config);
        assert_true(calls_listener(&world, 0) && calls_listener(&world, 1));
        assert_true(sockets_renew_listeners(&world.sockets));
    }
    end(&world);
}

static void forbid_low_ports(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capset, &header, data) != 0)
        _exit(3);
}

/* A daemon that had the right only when it began: what it has stays, and is mended where that can be. The
 * first is beyond that. */
static int without_rights(void) {
    struct world world;
    struct error err = {0};
    unsigned port = 1023;
    begin(&world);
    do {
        sockets_close(&world.sockets, &world.config);
        for (size_t i = 0; i < LISTENERS; i++) {
            struct sockaddr_in *low = (struct sockaddr_in *)&world.listeners[i].endpoint.address;
            low->sin_port = htons((uint16_t)port--);
            world.places[i] = *low;
        }
    } while (!sockets_open(&world.sockets, &world.config, &err) && port > 900);
    drop_all_for_good(world.sockets.listeners[0]);
    forbid_low_ports();
    bool anew = true, told = !sockets_renew_listeners(&world.sockets);
    bool stays = calls_listener(&world, 1);
    shut(world.sockets.listeners[1]);
    told = told && !sockets_mend_listeners(&world.sockets, &anew) && !anew;
    bool revived = calls_listener(&world, 1);
    shut(world.sockets.listeners[1]);
    told = told && !sockets_renew_listeners(&world.sockets);
    revived = revived && calls_listener(&world, 1);
    sockets_close(&world.sockets, &world.config);
    rmdir(world.folder);
    return (stays ? 0 : 4) | (revived ? 0 : 8) | (told ? 0 : 16);
}

static void what_may_not_be_bound_again_is_mended(void **state) {
    int status;
    (void)state;
    if (geteuid() != 0) /* nobody else may bind there at all */
        return;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(without_rights());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Other processes have it too: it stays as long as it can be mended. */
static void listener_is_mended(struct world *world, const struct deed *deed) {
    bool anew;
    int fd = world->sockets.listeners[0];
    deed->does(fd);
    shut(world->sockets.listeners[1]);
    assert_true(sockets_mend_listeners(&world->sockets, &anew));
    assert_int_equal(anew, deed->for_good);
    assert_int_equal(fcntl(world->sockets.listeners[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_true(calls_listener(world, 1));
    assert_int_equal(world->sockets.listeners[0] == fd, !deed->for_good);
    if (deed->does != starve) /* which does not show, and only ends with the last that has it */
        assert_true(calls_listener(world, 0));
}

static void a_listener_of_several_is_mended(void **state) {
    (void)state;
    after_each(listener_is_mended, false);
}

/* As a daemon that was killed while it made its new one. */
static void leave_beside(const struct world *world) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, world->beside, strlen(world->beside) + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void local_socket_is_renewed(struct world *world, const struct deed *deed) {
    struct stat status;
    int kept = dup(world->sockets.local);
    leave_beside(world);
    deed->does(kept);
    assert_true(sockets_renew_local(&world->sockets, world->path));
    assert_true(calls_local(world));
    assert_int_equal(fcntl(world->sockets.local, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_true(lstat(world->path, &status) == 0 && (status.st_mode & 0777) == 0666);
    assert_true(lstat(world->beside, &status) != 0);
    assert_true(takes_nothing(kept));
    close(kept);
    assert_true(sockets_renew_local(&world->sockets, world->path)); /* again, with one that is left */
}

static void the_local_socket_is_renewed_whatever_was_done_to_it(void **state) {
    (void)state;
    after_each(local_socket_is_renewed, true);
}

/* Who had called the old one, and was not heard, is not lost; and asking for more than there are never waits.
 */
static void who_called_the_local_socket_before_is_left(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    struct sockaddr_un address = local_address(&world);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    make_block(world.sockets.local);
    assert_true(sockets_renew_local(&world.sockets, world.path));
    int taken = accept(world.sockets.former_local, NULL, NULL);
    assert_true(taken >= 0);
    assert_int_equal(write(taken, "x", 1), 1);
    assert_int_equal(read(fd, &address, 1), 1);
    alarm(10);
    assert_true(accept(world.sockets.former_local, NULL, NULL) < 0 && errno == EINVAL);
    alarm(0);
    sockets_drop_former_local(&world.sockets);
    assert_int_equal(world.sockets.former_local, -1);
    close(taken);
    close(fd);
    end(&world);
}

/* No room beside it: the old one stays. */
static void a_local_socket_that_cannot_be_renewed_stays(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(mkdir(world.beside, 0700), 0);
    int fd = world.sockets.local;
    assert_true(sockets_renew_local(&world.sockets, world.path));
    assert_int_equal(world.sockets.local, fd);
    assert_true(calls_local(&world));
    shut(fd);
    assert_false(sockets_renew_local(&world.sockets, world.path));
    assert_int_equal(rmdir(world.beside), 0);
    assert_true(sockets_renew_local(&world.sockets, world.path));
    assert_true(calls_local(&world));
    end(&world);
}

/* Its name is that of a folder by now: nothing stays beside that. */
static void a_local_socket_whose_place_is_taken_stays(void **state) {
    struct world world;
    struct stat status;
    (void)state;
    begin(&world);
    assert_true(unlink(world.path) == 0 && mkdir(world.path, 0700) == 0);
    int fd = world.sockets.local;
    assert_true(sockets_renew_local(&world.sockets, world.path));
    assert_int_equal(world.sockets.local, fd);
    assert_true(lstat(world.beside, &status) != 0);
    assert_int_equal(rmdir(world.path), 0);
    assert_true(sockets_renew_local(&world.sockets, world.path));
    assert_true(calls_local(&world));
    end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_renewed_whatever_was_done_to_it),
        cmocka_unit_test(a_second_daemon_finds_the_place_taken),
        cmocka_unit_test(what_may_not_be_bound_again_is_mended),
        cmocka_unit_test(a_listener_of_several_is_mended),
        cmocka_unit_test(the_local_socket_is_renewed_whatever_was_done_to_it),
        cmocka_unit_test(who_called_the_local_socket_before_is_left),
        cmocka_unit_test(a_local_socket_that_cannot_be_renewed_stays),
        cmocka_unit_test(a_local_socket_whose_place_is_taken_stays),
    };
    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
