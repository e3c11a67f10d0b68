/*
 * Each kind of process, taken over: a child enters the sandbox of the kind by the
 * function that the daemon uses, and then tries what an intruder would. What
 * succeeds must be what the table of docs/ARCHITECTURE.md says, and nothing more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/sandbox.h"

/* What stands around the process. */
static struct {
    char root[64], store[80], file[100], outside[100], log[100];
    int network, unix_path, unix_abstract; /* listening */
    int friend[2];                         /* a connection that was taken */
    int caller;                            /* who calls `network`: what takes connections has one to take */
    struct sockaddr_in address;
    struct sockaddr_un local, abstract;
    socklen_t abstract_length;
    pid_t victim;
} scene;

static bool closed(int fd) {
    return fd >= 0 && close(fd) == 0;
}

/* ---- what an intruder tries: true when it succeeds ---- */

static bool reads_store(void) {
    return closed(open(scene.file, O_RDONLY));
}

static bool writes_store(void) {
    int fd = open(scene.file, O_RDWR);
    return fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && close(fd) == 0;
}

static bool shortens_store(void) {
    int fd = open(scene.file, O_RDWR);
    bool done = (fd >= 0 && ftruncate(fd, 0) == 0) || truncate(scene.file, 0) == 0 ||
                closed(open(scene.file, O_WRONLY | O_TRUNC)) ||
                (fd >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4) == 0);
    closed(fd);
    return done;
}

static bool makes_in_store(void) {
    char name[120], other[120];
    snprintf(name, sizeof name, "%s/new", scene.store);
    snprintf(other, sizeof other, "%s/other", scene.store);
    return closed(open(name, O_WRONLY | O_CREAT, 0600)) || mkdir(name, 0700) == 0 ||
           rename(scene.file, other) == 0 || link(scene.file, other) == 0 || unlink(scene.file) == 0;
}

static bool changes_mode(void) {
    int fd = open(scene.file, O_RDWR);
    return chmod(scene.file, 0666) == 0 || (fd >= 0 && fchmod(fd, 0666) == 0);
}

static bool reads_elsewhere(void) {
    return closed(open(scene.outside, O_RDONLY)) || closed(open("/etc/passwd", O_RDONLY));
}

static bool learns_of_files(void) {
    struct stat status;
    struct statx more;
    return stat(scene.outside, &status) == 0 || access(scene.outside, F_OK) == 0 ||
           statx(AT_FDCWD, scene.outside, 0, STATX_SIZE, &more) == 0;
}

static bool writes_elsewhere(void) {
    return closed(open(scene.outside, O_WRONLY)) || truncate(scene.outside, 0) == 0 ||
           unlink(scene.outside) == 0 || chmod(scene.outside, 0666) == 0;
}

static bool takes_connections(void) {
    return closed(accept(scene.network, NULL, NULL));
}

/* A call that comes with its first octets (TCP Fast Open) too. */
static bool calls_network(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr *address = (const struct sockaddr *)&scene.address;
    return fd >= 0 &&
           (connect(fd, address, sizeof scene.address) == 0 ||
            sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, address, sizeof scene.address) == 1) &&
           close(fd) == 0;
}

/* TCP and UDP, what those who call need, are tried above. */
static bool has_other_sockets(void) {
    static const struct {
        int domain, type, protocol;
    } others[] = {{AF_INET, SOCK_RAW, IPPROTO_ICMP},
                  {AF_INET, SOCK_RAW, IPPROTO_RAW},
                  {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
                  {AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
                  {AF_INET, SOCK_STREAM, IPPROTO_SCTP},
                  {AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP},
                  {AF_INET, SOCK_STREAM, 262 /* MPTCP */},
                  {AF_INET, SOCK_PACKET, 0},
                  {AF_PACKET, SOCK_RAW, 0},
                  {AF_PACKET, SOCK_DGRAM, 0},
                  {AF_NETLINK, SOCK_RAW, 0},
                  {AF_VSOCK, SOCK_STREAM, 0},
                  {AF_ALG, SOCK_SEQPACKET, 0},
                  {AF_UNIX, SOCK_DGRAM, 0},
                  {AF_UNIX, SOCK_SEQPACKET, 0}};
    bool has = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        has |= closed(socket(others[i].domain, others[i].type, others[i].protocol)) ||
               closed(socket(others[i].domain, others[i].type | SOCK_NONBLOCK | SOCK_CLOEXEC,
                             others[i].protocol));
    return has;
}

/* CAP_NET_ADMIN and CAP_NET_RAW, CAP_SYS_RESOURCE. */
static bool has_rights_of_root(void) {
    struct rlimit limit;
    int mark = 1, room = 1 << 30;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max++;
    return setsockopt(scene.network, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0 ||
           setsockopt(scene.network, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0 ||
           prlimit(0, RLIMIT_NOFILE, &limit, NULL) == 0;
}

static bool listens(void) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && (bind(fd, (struct sockaddr *)&any, sizeof any) == 0 || listen(fd, 1) == 0);
}

static bool calls_unix(void) {
    int pair[2], fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0)
        fd = pair[0];
    return fd >= 0 && (connect(fd, (struct sockaddr *)&scene.local, sizeof scene.local) == 0 ||
                       connect(fd, (struct sockaddr *)&scene.abstract, scene.abstract_length) == 0);
}

static bool signals(void) {
    int fd = scene.network;
    return kill(scene.victim, SIGUSR1) == 0 ||
           syscall(SYS_tgkill, scene.victim, scene.victim, SIGUSR1) == 0 ||
           syscall(SYS_tkill, scene.victim, SIGUSR1) == 0 || fcntl(fd, F_SETOWN, scene.victim) == 0 ||
           syscall(SYS_pidfd_open, scene.victim, 0) >= 0 ||
           setpriority(PRIO_PROCESS, (id_t)scene.victim, 5) == 0;
}

static bool looks_into(void) {
    char there[40], octet;
    struct iovec here = {&octet, 1}, far = {scene.root, 1};
    snprintf(there, sizeof there, "/proc/%d/mem", (int)scene.victim);
    return ptrace(PTRACE_SEIZE, scene.victim, NULL, NULL) == 0 || closed(open(there, O_RDONLY)) ||
           process_vm_readv(scene.victim, &here, 1, &far, 1, 0) == 1;
}

static bool starts_processes(void) {
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid > 0 || syscall(SYS_clone3, NULL, 0) >= 0 || errno == EINVAL ||
           (execl("/bin/true", "true", (char *)NULL) == 0);
}

static bool runs_own_code(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *later = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED || mprotect(later, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool gains_rights(void) {
    struct rlimit limit = {1, 1};
    return unshare(CLONE_NEWUSER) == 0 || setuid(12345) == 0 || chroot("/") == 0 ||
           syscall(SYS_bpf, 0, NULL, 0) >= 0 || syscall(SYS_io_uring_setup, 1, NULL) >= 0 ||
           prlimit(scene.victim, RLIMIT_NOFILE, &limit, NULL) == 0;
}

/* To a friend, who would have it after the process was ended. */
static bool hands_on(void) {
    char octet = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&octet, 1};
    struct mmsghdr message = {
        .msg_hdr = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control}};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message.msg_hdr);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &scene.network, sizeof(int));
    bool one = sendmsg(scene.friend[0], &message.msg_hdr, MSG_NOSIGNAL) == 1;
    bool many = sendmmsg(scene.friend[0], &message, 1, MSG_NOSIGNAL) == 1;
    int pair[2];
    return one || many || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

/* What comes from a friend is a descriptor that nothing else would let in. */
static bool takes_descriptors(void) {
    char octet, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&octet, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    return recvmsg(scene.friend[0], &message, MSG_DONTWAIT) == 1;
}

/* By the number `fd`, which may have more bits than the kernel looks at. */
static bool spoils_log_by(long fd) {
    struct iovec part = {"x", 1};
    char octet;
    bool flags =
        syscall(SYS_fcntl, fd, F_SETFL, 0) == 0 || syscall(SYS_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0;
    bool doubled = syscall(SYS_fcntl, fd, F_DUPFD, 50) >= 0 ||
                   syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 50) >= 0 || syscall(SYS_dup, fd) >= 0 ||
                   syscall(SYS_dup3, fd, 50, 0) >= 0;
    bool written = syscall(SYS_pwrite64, fd, "x", 1, 0) == 1 ||
                   syscall(SYS_pwritev, fd, &part, 1, 0, 0) == 1 ||
                   syscall(SYS_pwritev2, fd, &part, 1, 0, 0, 0) == 1;
    bool moved = syscall(SYS_lseek, fd, 0, SEEK_SET) == 0;
    bool sized = syscall(SYS_fallocate, fd, 0, 0, 100000) == 0 || syscall(SYS_ftruncate, fd, 0) == 0;
    bool mapped = syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != -1;
    bool read = syscall(SYS_pread64, fd, &octet, 1, 0) == 1 || syscall(SYS_read, fd, &octet, 1) >= 0 ||
                syscall(SYS_readv, fd, &part, 0) >= 0;
    return flags || doubled || written || moved || sized || mapped || read ||
           syscall(SYS_fchmod, fd, 0666) == 0;
}

static bool spoils_log(void) {
    bool spoils = false;
    for (int fd = STDIN_FILENO + 1; fd <= STDERR_FILENO; fd++)
        spoils |= spoils_log_by(fd) || spoils_log_by(fd | 1l << 32) || spoils_log_by(fd - (1l << 32));
    return spoils;
}

static bool spoils_listener_by(long fd) {
    static struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    static const struct sock_fprog filter = {1, &none};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    const int one = 1;
    bool blocks = syscall(SYS_fcntl, fd, F_SETFL, 0) == 0;
    bool doubled = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 50) >= 0 || syscall(SYS_dup, fd) >= 0;
    bool filtered = syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
    bool set = syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0 ||
               syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &one, sizeof one) == 0;
    bool ended = syscall(SYS_listen, fd, 0) == 0 || syscall(SYS_shutdown, fd, SHUT_WR) == 0 ||
                 syscall(SYS_shutdown, fd, SHUT_RD) == 0;
    return blocks || doubled || filtered || set || ended ||
           syscall(SYS_connect, fd, &nobody, sizeof nobody) == 0;
}

static bool spoils_listener(void) {
    return spoils_listener_by(scene.network) || spoils_listener_by(scene.network | 1l << 32) ||
           spoils_listener_by(scene.unix_path);
}

/* In the words of the table's first column. Those that change what others try come last. */
static const struct {
    const char *words;
    bool (*tries)(void);
    bool needs_landlock;
} attempts[] = {
    {"read a file of the store", reads_store, false},
    {"write into a file of the store", writes_store, false},
    {"read a file elsewhere", reads_elsewhere, true},
    {"learn that a file elsewhere is there, and its size", learns_of_files, false},
    {"write, shorten or remove a file elsewhere", writes_elsewhere, true},
    {"take a connection from a listener that it has", takes_connections, false},
    {"call an Internet address", calls_network, false},
    {"make a socket of another kind: raw, of packets, netlink", has_other_sockets, false},
    {"use a right of root's (capabilities) where it is root", has_rights_of_root, false},
    {"listen anew", listens, false},
    {"call a Unix socket, by path or abstract", calls_unix, false},
    {"signal another process, or change its priority", signals, false},
    {"look into another process", looks_into, false},
    {"start a process or a thread, or run a program", starts_processes, false},
    {"run code that it wrote itself", runs_own_code, false},
    {"change its user, root or name spaces, or another's limits", gains_rights, false},
    {"change the mode of a file of the store", changes_mode, false},
    {"shorten a file of the store", shortens_store, false},
    {"make, rename or remove a file of the store", makes_in_store, false},
    {"hand a descriptor to another process", hands_on, false},
    {"take a descriptor but by its door", takes_descriptors, false},
    {"read the log, or do more to it than write at its end", spoils_log, false},
    {"spoil a listener for the process that comes after it", spoils_listener, false},
};

enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

/* A kind of process, as the table's first row names it. At a server its store is in one that it calls. */
struct kind {
    const char *name;
    enum sandbox_part part;
    bool files, at_a_server;
    bool by_thread; /* it is the thread that tries, which was started before the filters */
};

static bool has_landlock(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static bool has_landlock_for_ports(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4;
}

/* ---- the scene ---- */

static void put_file(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("content", file) >= 0 && fclose(file) == 0);
}

static int listen_at(const struct sockaddr *address, socklen_t length) {
    int fd = socket(address->sa_family, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, address, length) == 0 && listen(fd, 8) == 0);
    return fd;
}

static void set_sockets(void) {
    socklen_t length = sizeof scene.address;
    scene.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    scene.network = listen_at((struct sockaddr *)&scene.address, sizeof scene.address);
    assert_int_equal(getsockname(scene.network, (struct sockaddr *)&scene.address, &length), 0);
    scene.local.sun_family = scene.abstract.sun_family = AF_UNIX;
    snprintf(scene.local.sun_path, sizeof scene.local.sun_path, "%s/sock", scene.root);
    scene.unix_path = listen_at((struct sockaddr *)&scene.local, sizeof scene.local);
    assert_int_equal(scene.unix_path, scene.network + 1); /* as listeners are handed over: without a gap */
    int name = snprintf(scene.abstract.sun_path + 1, sizeof scene.abstract.sun_path - 1, "chasqui-sandbox-%d",
                        (int)getpid());
    scene.abstract_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)name);
    scene.unix_abstract = listen_at((struct sockaddr *)&scene.abstract, scene.abstract_length);
    scene.caller = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(scene.caller, (struct sockaddr *)&scene.address, sizeof scene.address), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, scene.friend), 0);
    assert_int_equal(write(scene.friend[1], "x", 1), 1);
}

static void set_scene(void) {
    snprintf(scene.root, sizeof scene.root, "/tmp/chasqui-sandbox-XXXXXX");
    assert_non_null(mkdtemp(scene.root));
    snprintf(scene.store, sizeof scene.store, "%s/store", scene.root);
    snprintf(scene.file, sizeof scene.file, "%s/store/queue.db", scene.root);
    snprintf(scene.outside, sizeof scene.outside, "%s/outside", scene.root);
    assert_int_equal(mkdir(scene.store, 0700), 0);
    put_file(scene.file);
    snprintf(scene.log, sizeof scene.log, "%s/log", scene.root);
    put_file(scene.outside);
    put_file(scene.log);
    set_sockets();
    scene.victim = fork();
    if (scene.victim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not strike its scene */
        signal(SIGUSR1, SIG_IGN);
        for (;;)
            pause();
    }
}

static void strike_scene(void) {
    char command[100];
    kill(scene.victim, SIGKILL);
    waitpid(scene.victim, NULL, 0);
    close(scene.network);
    close(scene.unix_path);
    close(scene.unix_abstract);
    close(scene.caller);
    close(scene.friend[0]);
    close(scene.friend[1]);
    snprintf(command, sizeof command, "rm -rf %s", scene.root);
    assert_int_equal(system(command), 0);
}

/* ---- the table ---- */

static FILE *open_document(void) {
    char path[1000];
    const char *source = getenv("CHASQUI_SOURCE");
    snprintf(path, sizeof path, "%s/docs/ARCHITECTURE.md", source ? source : ".");
    FILE *document = fopen(path, "r");
    assert_non_null(document);
    return document;
}

/* True when the table says that the kind can do this; a row of it that is not there fails. */
static bool table_says(FILE *document, const struct kind *kind, const char *words) {
    char line[400];
    int column = 0;
    rewind(document);
    while (fgets(line, sizeof line, document)) {
        if (strncmp(line, "| a taken-over process can |", 28) == 0) {
            char *at = line;
            for (column = 0; at; column++, at = strchr(at + 1, '|'))
                if (strncmp(at, "| ", 2) == 0 && strncmp(at + 2, kind->name, strlen(kind->name)) == 0 &&
                    strncmp(at + 2 + strlen(kind->name), " |", 2) == 0)
                    break;
            assert_non_null(at);
        }
        if (column == 0 || strncmp(line, "| ", 2) != 0 || strncmp(line + 2, words, strlen(words)) != 0 ||
            line[2 + strlen(words)] != ' ')
            continue;
        char *at = line;
        for (int i = 0; i < column && at; i++)
            at = strchr(at + 1, '|');
        assert_non_null(at);
        return strncmp(at, "| yes", 5) == 0;
    }
    fail_msg("the table has no row '%s'", words);
    return false;
}

/* Each row is tried, once: a promise that nobody tries is none. */
static void every_row_is_tried(void **state) {
    FILE *document = open_document();
    char line[400];
    unsigned rows = 0;
    bool within = false;
    (void)state;
    while (fgets(line, sizeof line, document)) {
        bool row = strncmp(line, "| ", 2) == 0;
        unsigned tried = 0;
        for (unsigned i = 0; within && row && i < ATTEMPTS; i++)
            tried += strncmp(line + 2, attempts[i].words, strlen(attempts[i].words)) == 0 &&
                     strncmp(line + 2 + strlen(attempts[i].words), " |", 2) == 0;
        rows += within && row;
        if (within && row && tried != 1)
            fail_msg("nobody tries: %s", line);
        within = strncmp(line, "| a taken-over process can |", 28) == 0 || (within && line[0] == '|');
    }
    fclose(document);
    assert_int_equal(rows, ATTEMPTS);
}

/* As the daemon's processes have it, but open to be read too, as a terminal is. */
static void place_log(void) {
    int log = open(scene.log, O_RDWR | O_APPEND);
    if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(2);
    close(log);
}

/* ---- a thread of it, sandbox_rights.start ---- */

static int intruder[2]; /* begins when the other end is closed */
static int is_there[2]; /* says that it has done what the C library does as a thread begins */

static uint32_t try_all(const struct kind *kind);

static void *intrude(void *kind) {
    char none = 0;
    bool begins = write(is_there[1], &none, 1) == 1 && read(intruder[0], &none, 1) == 0;
    return (void *)(uintptr_t)(begins ? try_all(kind) : 0);
}

static pthread_t thread;

static bool start_intruder(void *kind, struct error *err) {
    char none;
    return (pipe(intruder) == 0 && pipe(is_there) == 0 && pthread_create(&thread, NULL, intrude, kind) == 0 &&
            read(is_there[0], &none, 1) == 1) ||
           error_set(err, errno, "no thread");
}

static bool enter(const struct kind *kind) {
    struct error err = {0};
    struct sandbox_rights rights = {.directory = kind->files ? scene.store : NULL,
                                    .calls = kind->at_a_server,
                                    .first_listener = scene.network,
                                    .listener_count = 2,
                                    .start = kind->by_thread ? start_intruder : NULL,
                                    .context = (void *)(uintptr_t)kind};
    log_set_level(LOG_LEVEL_ERROR);
    if (sandbox_enter(kind->part, &rights, SANDBOX_PARTIAL, &err))
        return true;
    fprintf(stderr, "%s\n", err.text);
    return false;
}

/* Ends a test that tries it without a sandbox, or needs what a test may not have. */
static bool is_unbearable(bool (*tries)(void)) {
    return tries == starts_processes || tries == gains_rights || tries == looks_into ||
           (tries == has_rights_of_root && geteuid() != 0);
}

static uint32_t try_all(const struct kind *kind) {
    uint32_t could = 0;
    for (unsigned i = 0; i < ATTEMPTS; i++)
        could |= (uint32_t)((kind || !is_unbearable(attempts[i].tries)) && attempts[i].tries()) << i;
    return could;
}

static uint32_t try_by_thread(void) {
    void *could = NULL;
    close(intruder[1]);
    return pthread_join(thread, &could) == 0 ? (uint32_t)(uintptr_t)could : 0;
}

/* In a process of its own, which tells what it could do; NULL: one without a sandbox. */
static uint32_t taken_over(const struct kind *kind) {
    int report[2];
    uint32_t could = 0;
    assert_int_equal(pipe(report), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        place_log();
        if (kind && !enter(kind))
            _exit(1);
        could = kind && kind->by_thread ? try_by_thread() : try_all(kind);
        _exit(write(report[1], &could, sizeof could) == sizeof could ? 0 : 3);
    }
    int status;
    close(report[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(report[0], &could, sizeof could), sizeof could);
    close(report[0]);
    return could;
}

static void check_kind(struct kind kind) {
    FILE *document = open_document();
    set_scene();
    uint32_t could = taken_over(&kind);
    strike_scene();
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        bool did = could >> i & 1;
        if ((attempts[i].needs_landlock || kind.at_a_server) && !has_landlock())
            continue;
        if (did != table_says(document, &kind, attempts[i].words))
            fail_msg("%s %s: %s", kind.name, did ? "can" : "can't", attempts[i].words);
    }
    fclose(document);
    if (!has_landlock()) {
        print_message("%s: what Landlock forbids was not compared, for this kernel has none\n", kind.name);
    }
}

static void a_store_process(void **state) {
    (void)state;
    check_kind((struct kind){"store", SANDBOX_STORE, true, false});
}

static void the_thread_of_a_store_process(void **state) {
    (void)state;
    check_kind((struct kind){"store", SANDBOX_STORE, .files = true, .by_thread = true});
}

static void a_reader(void **state) {
    (void)state;
    check_kind((struct kind){"reader", SANDBOX_READER, true, false});
}

static void a_net_process(void **state) {
    (void)state;
    check_kind((struct kind){"net", SANDBOX_NET, false, false});
}

static void the_process_of_the_clients(void **state) {
    (void)state;
    check_kind((struct kind){"clients", SANDBOX_CLIENTS, false, false});
}

static void a_work_process(void **state) {
    (void)state;
    check_kind((struct kind){"work", SANDBOX_WORK, false, false});
}

static void a_store_process_at_a_server(void **state) {
    (void)state;
    check_kind((struct kind){"store at a server", SANDBOX_STORE, false, true});
}

static void a_reader_at_a_server(void **state) {
    (void)state;
    check_kind((struct kind){"reader at a server", SANDBOX_READER, false, true});
}

/* What the kernel says of the child's capabilities: the sum of the sets. */
static uint64_t capabilities_of(pid_t pid) {
    char path[40], line[200];
    unsigned long long set, all = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "CapInh: %llx", &set) == 1 || sscanf(line, "CapPrm: %llx", &set) == 1 ||
            sscanf(line, "CapEff: %llx", &set) == 1 || sscanf(line, "CapAmb: %llx", &set) == 1)
            all |= set;
    fclose(status);
    return all;
}

/* The capabilities that a process of the kind has, once it serves. */
static uint64_t capabilities_kept(enum sandbox_part part, const struct sandbox_rights *rights) {
    int ready[2], go[2], status;
    char octet;
    assert_true(pipe(ready) == 0 && pipe(go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct error err = {0};
        log_set_level(LOG_LEVEL_ERROR);
        bool entered = sandbox_enter(part, rights, SANDBOX_PARTIAL, &err);
        octet = entered;
        _exit(write(ready[1], &octet, 1) == 1 && read(go[0], &octet, 1) == 1 ? 0 : 1);
    }
    assert_true(read(ready[0], &octet, 1) == 1 && octet);
    uint64_t kept = capabilities_of(pid);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
    return kept;
}

static void of_root_nothing_is_left(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("only root has what is given up\n"); /* skip() prints `not ok` */
        return;
    }
    set_scene();
    const struct sandbox_rights files = {.directory = scene.store}, server = {.calls = true};
    const struct sandbox_rights port = {.calls = true, .port = 5432};
    uint64_t net = capabilities_kept(SANDBOX_NET, NULL), clients = capabilities_kept(SANDBOX_CLIENTS, NULL);
    uint64_t work = capabilities_kept(SANDBOX_WORK, NULL), others = 0;
    for (unsigned part = SANDBOX_STORE; part <= SANDBOX_READER; part++)
        others |= capabilities_kept(part, &files) | capabilities_kept(part, &server) |
                  capabilities_kept(part, &port);
    strike_scene();
    assert_int_equal(net, 0);
    assert_int_equal(clients, 0);
    assert_int_equal(work, 0);
    assert_int_equal(others, 0);
}

/* Whoever served the store before may have been another user: root reaches its files as before. */
static void a_store_of_another_user_is_still_served(void **state) {
    (void)state;
    uint64_t override = 1ull << CAP_DAC_OVERRIDE, both = override | 1ull << CAP_CHOWN;
    if (geteuid() != 0 || (capabilities_of(getpid()) & both) != both) {
        print_message("only root has what is kept\n");
        return;
    }
    set_scene();
    const struct sandbox_rights files = {.directory = scene.store};
    bool given = chown(scene.file, 12345, 12345) == 0 && chmod(scene.file, 0600) == 0;
    uint64_t store = capabilities_kept(SANDBOX_STORE, &files);
    uint64_t reader = capabilities_kept(SANDBOX_READER, &files), net = capabilities_kept(SANDBOX_NET, NULL);
    bool reads = taken_over(&(struct kind){"store", SANDBOX_STORE, true, false}) & 1;
    strike_scene();
    set_scene();
    given = given && chown(scene.store, 12345, 12345) == 0;
    uint64_t of_folder = capabilities_kept(SANDBOX_STORE, &files);
    strike_scene();
    assert_true(given && reads);
    assert_int_equal(store, both);
    assert_int_equal(of_folder, both);
    assert_int_equal(reader, override);
    assert_int_equal(net, 0);
}

/* With a server that is reached by TCP it is that port, and no Unix socket. */
static void one_port_of_a_server(void **state) {
    (void)state;
    set_scene();
    for (int other = 0; other < 2; other++) {
        pid_t pid = fork();
        if (pid == 0) {
            const struct sandbox_rights rights = {.calls = true,
                                                  .port = (uint16_t)(ntohs(scene.address.sin_port) + other)};
            struct error err = {0};
            log_set_level(LOG_LEVEL_ERROR);
            if (!sandbox_enter(SANDBOX_STORE, &rights, SANDBOX_PARTIAL, &err))
                _exit(9);
            _exit(calls_network() + 2 * calls_unix());
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), other && has_landlock_for_ports() ? 0 : 1);
    }
    strike_scene();
}

/* By its door a process takes descriptors, as it takes none otherwise. */
static void a_door_is_open(void **state) {
    (void)state;
    set_scene();
    pid_t pid = fork();
    if (pid == 0) {
        const struct sandbox_rights rights = {.door = scene.friend[0]};
        struct error err = {0};
        log_set_level(LOG_LEVEL_ERROR);
        _exit(sandbox_enter(SANDBOX_CLIENTS, &rights, SANDBOX_PARTIAL, &err) && takes_descriptors() ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    strike_scene();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Of its own sockets too a net process sets nothing but what it uses. */
static int tries_options(void) {
    static struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    static const struct sock_fprog filter = {1, &none};
    const int one = 1;
    int fd = scene.caller;
    bool used = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0 &&
                fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1;
    bool unused = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ||
                  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof one) == 0 ||
                  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one) == 0 ||
                  send(fd, "x", 1, MSG_OOB) == 1 || shutdown(fd, SHUT_RD) == 0 ||
                  shutdown(fd, SHUT_RDWR) == 0;
    return used && !unused && shutdown(fd, SHUT_WR) == 0 ? 0 : 1;
}

static void options_that_are_used(void **state) {
    (void)state;
    set_scene();
    pid_t pid = fork();
    if (pid == 0)
        _exit(enter(&(struct kind){"net", SANDBOX_NET, false, false}) ? tries_options() : 2);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    strike_scene();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- descriptors 0 to 2 ---- */

/* System calls that a kind has for other descriptors: of 0 to 2 each is refused before the kernel looks at
 * what stands there, a file, a terminal or a socket. The arguments behind the descriptor let it pass the list
 * of the kind (calls.c). */
static long ask_for(int call, long fd) {
    static char octets[4096];
    static struct iovec part = {octets, 1};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    const int one = 1;
    switch (call) {
    case SYS_mmap:
        return syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    case SYS_fcntl:
        return syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
    case SYS_setsockopt:
        return syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    case SYS_connect:
        return syscall(SYS_connect, fd, &nobody, sizeof nobody);
    case SYS_shutdown:
        return syscall(SYS_shutdown, fd, SHUT_WR);
    case SYS_readv:
        return syscall(SYS_readv, fd, &part, 1);
    case SYS_fchmod:
        return syscall(SYS_fchmod, fd, 0600);
    case SYS_fchown: /* to nobody else, which the system lets an owner do */
        return syscall(SYS_fchown, fd, (uid_t)-1, (gid_t)-1);
    case SYS_flock:
        return syscall(SYS_flock, fd, LOCK_SH | LOCK_NB);
    case SYS_read:
    case SYS_recvfrom:
    case SYS_pread64:
    case SYS_pwrite64:
        return syscall(call, fd, octets, 1, 0, NULL, NULL);
    default: /* lengths, places and owners */
        return syscall(call, fd, 0, 0, 0);
    }
}

static const struct {
    const char *name;
    int call;
} asked[] = {{"read", SYS_read},           {"readv", SYS_readv},
             {"recvfrom", SYS_recvfrom},   {"mmap", SYS_mmap},
             {"fcntl", SYS_fcntl},         {"pread64", SYS_pread64},
             {"pwrite64", SYS_pwrite64},   {"lseek", SYS_lseek},
             {"ftruncate", SYS_ftruncate}, {"fallocate", SYS_fallocate},
             {"flock", SYS_flock},         {"fchmod", SYS_fchmod},
             {"fchown", SYS_fchown},       {"sync_file_range", SYS_sync_file_range},
             {"connect", SYS_connect},     {"setsockopt", SYS_setsockopt},
             {"shutdown", SYS_shutdown}};

#define ASKED (sizeof asked / sizeof *asked)

static bool is_refused(int call, long fd) {
    return ask_for(call, fd) < 0 && errno == EPERM;
}

/* A bit for each call that was refused of 0, 1 and 2, whatever bits the kernel does not look at. */
static uint32_t refused_of_standard(const struct kind *kind) {
    int report[2], status;
    uint32_t refused = 0;
    assert_int_equal(pipe(report), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        for (int fd = 0; fd <= 2; fd++)
            dup2(scene.friend[0], fd);
        if (kind && !enter(kind))
            _exit(1);
        for (unsigned i = 0; i < ASKED; i++) {
            bool all = true;
            for (long fd = 0; fd <= 2; fd++)
                all = all && is_refused(asked[i].call, fd) && is_refused(asked[i].call, fd | 1l << 32);
            refused |= (uint32_t)all << i;
        }
        _exit(write(report[1], &refused, sizeof refused) == sizeof refused ? 0 : 3);
    }
    close(report[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(report[0], &refused, sizeof refused), sizeof refused);
    close(report[0]);
    return refused;
}

static void expect_refusals(const struct kind *kind) {
    set_scene();
    assert_int_equal(write(scene.friend[1], scene.root, sizeof scene.root), sizeof scene.root);
    uint32_t refused = refused_of_standard(kind);
    strike_scene();
    for (unsigned i = 0; i < ASKED; i++)
        if (kind && !(refused >> i & 1))
            fail_msg("%s has %s of descriptor 0, 1 or 2", kind->name, asked[i].name);
    if (!kind)
        assert_int_equal(refused, 0); /* by nothing else */
}

static void the_log_is_written_to_and_nothing_else(void **state) {
    (void)state;
    expect_refusals(NULL);
    expect_refusals(&(struct kind){"store", SANDBOX_STORE, true, false});
    expect_refusals(&(struct kind){"reader", SANDBOX_READER, true, false});
    expect_refusals(&(struct kind){"net", SANDBOX_NET, false, false});
    expect_refusals(&(struct kind){"clients", SANDBOX_CLIENTS, false, false});
    expect_refusals(&(struct kind){"work", SANDBOX_WORK, false, false});
}

/* The control: what is tried does succeed where nothing forbids it. */
static void without_a_sandbox(void **state) {
    (void)state;
    set_scene();
    uint32_t could = taken_over(NULL);
    strike_scene();
    for (unsigned i = 0; i < ATTEMPTS; i++)
        if (!(could >> i & 1) && !is_unbearable(attempts[i].tries))
            fail_msg("nobody can %s", attempts[i].words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_tried),
        cmocka_unit_test(without_a_sandbox),
        cmocka_unit_test(a_store_process),
        cmocka_unit_test(the_thread_of_a_store_process),
        cmocka_unit_test(a_reader),
        cmocka_unit_test(a_store_process_at_a_server),
        cmocka_unit_test(a_reader_at_a_server),
        cmocka_unit_test(one_port_of_a_server),
        cmocka_unit_test(a_door_is_open),
        cmocka_unit_test(options_that_are_used),
        cmocka_unit_test(the_log_is_written_to_and_nothing_else),
        cmocka_unit_test(of_root_nothing_is_left),
        cmocka_unit_test(a_store_of_another_user_is_still_served),
        cmocka_unit_test(a_net_process),
        cmocka_unit_test(the_process_of_the_clients),
        cmocka_unit_test(a_work_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
