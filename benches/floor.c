/* The least that a program can do to say which process holds which listening socket: what the bench calls the floor.
 *
 * It asks the kernel for its TCP and UDP sockets through netlink (sock_diag, the state filtered in the kernel), then
 * reads every descriptor of every process (getdents, readlink) and looks each socket's inode up. It keeps counts and
 * prints one line: no name, no user, no table. With two threads, processes are taken one by one from a common list,
 * and those with many descriptors are cut into ranges that both threads take.
 *
 * With `facts` it also reads, of each process that holds one, what the JSON of portolan says of it: owner, executable,
 * command line and the line of numbers (start, parent, memory, processor time). It throws them away.
 *
 *   cc -O2 -pthread -o floor floor.c && ./floor THREADS [facts]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LISTEN = 1 << 10, UNCONNECTED = 1 << 7, RANGE = 2048 };

static uint32_t *inodes, *table, mask;
static size_t sockets, room;
static int *pids;
static size_t processes;
static int proc, with_facts;
static atomic_size_t next_process;
static atomic_long held;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void dump(int netlink, int family, int protocol, uint32_t states) {
    static char buffer[1 << 17];
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } ask = {0};
    ask.head.nlmsg_len = sizeof ask;
    ask.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    ask.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    ask.body.sdiag_family = family;
    ask.body.sdiag_protocol = protocol;
    ask.body.idiag_states = states;
    if (send(netlink, &ask, sizeof ask, 0) < 0) fail("send");
    for (;;) {
        ssize_t got = recv(netlink, buffer, sizeof buffer, 0);
        if (got <= 0) fail("recv");
        for (struct nlmsghdr *head = (void *)buffer; NLMSG_OK(head, got); head = NLMSG_NEXT(head, got)) {
            if (head->nlmsg_type == NLMSG_DONE) return;
            if (head->nlmsg_type == NLMSG_ERROR) fail("netlink");
            struct inet_diag_msg *socket = NLMSG_DATA(head);
            if (sockets == room) {
                room = room ? room * 2 : 1024;
                if (!(inodes = realloc(inodes, room * sizeof *inodes))) fail("realloc");
            }
            inodes[sockets++] = socket->idiag_inode;
        }
    }
}

static uint32_t slot(uint32_t inode) {
    uint32_t at = (inode * 2654435761u >> 7) & mask;
    while (table[at] && table[at] != inode) at = (at + 1) & mask;
    return at;
}

static void build_table(void) {
    uint32_t size = 64;
    while (size < sockets * 2) size *= 2;
    mask = size - 1;
    if (!(table = calloc(size, sizeof *table))) fail("calloc");
    for (size_t i = 0; i < sockets; i++) table[slot(inodes[i])] = inodes[i];
}

static void list_processes(void) {
    static char buffer[1 << 18];
    size_t space = 0;
    int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long got; (got = syscall(SYS_getdents64, dir, buffer, sizeof buffer)) > 0;) {
        for (long at = 0; at < got;) {
            struct dirent64 *entry = (void *)(buffer + at);
            at += entry->d_reclen;
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
            if (processes == space) {
                space = space ? space * 2 : 4096;
                if (!(pids = realloc(pids, space * sizeof *pids))) fail("realloc");
            }
            pids[processes++] = atoi(entry->d_name);
        }
    }
    close(dir);
}

/* Parts of big processes that wait for a thread. */
struct part {
    int pid;
    long first, end;
};
static struct part *parts;
static size_t waiting, parts_room;
static pthread_mutex_t parts_lock = PTHREAD_MUTEX_INITIALIZER;

static void put_parts(int pid, long count) {
    pthread_mutex_lock(&parts_lock);
    for (long first = 0; first < count; first += RANGE) {
        if (waiting == parts_room) {
            parts_room = parts_room ? parts_room * 2 : 64;
            if (!(parts = realloc(parts, parts_room * sizeof *parts))) fail("realloc");
        }
        parts[waiting++] = (struct part){pid, first, first + RANGE >= count ? -1 : first + RANGE};
    }
    pthread_mutex_unlock(&parts_lock);
}

static int take_part(struct part *part) {
    pthread_mutex_lock(&parts_lock);
    int some = waiting > 0;
    if (some) *part = parts[--waiting];
    pthread_mutex_unlock(&parts_lock);
    return some;
}

static int open_descriptors(int pid) {
    char path[32];
    snprintf(path, sizeof path, "%d/fd", pid);
    return openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void read_file(int dir, const char *path, char *buffer, size_t size) {
    int file = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    if (read(file, buffer, size) < 0) perror(path);
    close(file);
}

/* Through the directory of its descriptors. */
static void read_facts(int dir, char *buffer, size_t size) {
    struct stat owner;
    if (fstatat(dir, "..", &owner, 0)) return;
    if (readlinkat(dir, "../exe", buffer, size) < 0) perror("exe");
    read_file(dir, "../stat", buffer, size);
    read_file(dir, "../cmdline", buffer, size);
}

static void read_descriptors(int dir, long end, char *buffer, size_t size) {
    char link[32];
    long mine = 0;
    for (long got; (got = syscall(SYS_getdents64, dir, buffer, size)) > 0;) {
        for (long at = 0; at < got;) {
            struct dirent64 *entry = (void *)(buffer + at);
            at += entry->d_reclen;
            if (entry->d_name[0] == '.') continue;
            if (end >= 0 && atol(entry->d_name) >= end) goto done;
            ssize_t length = readlinkat(dir, entry->d_name, link, sizeof link - 1);
            if (length < 10 || memcmp(link, "socket:[", 8)) continue;
            link[length] = 0;
            uint32_t inode = strtoul(link + 8, 0, 10);
            mine += inode && table[slot(inode)] == inode;
        }
    }
done:
    if (with_facts && mine) read_facts(dir, buffer, size);
    atomic_fetch_add(&held, mine);
}

static void *walk(void *several) {
    char *buffer = malloc(1 << 15);
    if (!buffer) fail("malloc");
    struct part part;
    for (;;) {
        if (take_part(&part)) {
            int dir = open_descriptors(part.pid);
            if (dir < 0) continue;
            /* A descriptor's place in the directory is its number after `.` and `..`. A part of 2,048 entries of 24
             * or 32 bytes: what a longer buffer would hold beyond is read for nothing. */
            if (part.first) lseek(dir, part.first + 2, SEEK_SET);
            read_descriptors(dir, part.end, buffer, 1 << 15);
            close(dir);
            continue;
        }
        size_t at = atomic_fetch_add(&next_process, 1);
        if (at >= processes) break;
        int dir = open_descriptors(pids[at]);
        if (dir < 0) continue;
        struct stat facts;
        if (several && !fstat(dir, &facts) && facts.st_size > 2 * RANGE) {
            put_parts(pids[at], facts.st_size);
        } else {
            read_descriptors(dir, -1, buffer, 1 << 15);
        }
        close(dir);
    }
    free(buffer);
    return 0;
}

int main(int count, char **words) {
    int threads = count > 1 ? atoi(words[1]) : 1;
    with_facts = count > 2;
    int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0) fail("socket");
    dump(netlink, AF_INET, IPPROTO_TCP, LISTEN);
    dump(netlink, AF_INET6, IPPROTO_TCP, LISTEN);
    dump(netlink, AF_INET, IPPROTO_UDP, UNCONNECTED);
    dump(netlink, AF_INET6, IPPROTO_UDP, UNCONNECTED);
    build_table();
    if ((proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) fail("/proc");
    list_processes();
    pthread_t second;
    int two = threads > 1 && !pthread_create(&second, 0, walk, &proc);
    walk(two ? &proc : 0);
    if (two) pthread_join(second, 0);
    printf("%zu sockets, %ld held\n", sockets, (long)held);
    return 0;
}
