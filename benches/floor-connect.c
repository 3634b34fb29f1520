/* The least that a TCP connect scan of hosts that answer costs: one blocking connect() a closed port, on one socket a thread
 * that is used again, because Linux takes a refused socket back to where it began. No pace, no time-outs worth the
 * name, no answer but a count: a limit to measure by, not a scanner.
 *
 * cc -O2 -pthread -o floor-connect floor-connect.c; ./floor-connect THREADS IPV4 [HOSTS PORTS]
 * HOSTS addresses from IPV4 on (1), of each the ports 1 to PORTS (65,535).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_THREADS = 16 };

static struct in_addr target;
static int threads, hosts = 1, ports = 65535;

static int new_socket(void)
{
	struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience)) {
		perror("socket");
		exit(1);
	}
	return fd;
}

/* A connection in which both ends are this socket says nothing of the port. */
static int met_itself(int fd)
{
	struct sockaddr_in own, peer;
	socklen_t size = sizeof own;
	if (getsockname(fd, (struct sockaddr *)&own, &size) || getpeername(fd, (struct sockaddr *)&peer, &size))
		return 0;
	return own.sin_port == peer.sin_port && own.sin_addr.s_addr == peer.sin_addr.s_addr;
}

static void *scan(void *number)
{
	long open = 0;
	int fd = new_socket();
	for (long at = (long)number; at < (long)hosts * ports; at += threads) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1 + at / hosts) };
		to.sin_addr.s_addr = htonl(ntohl(target.s_addr) + at % hosts);
		if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
			if (met_itself(fd)) {
				close(fd);
				fd = new_socket();
				at -= threads;
				continue;
			}
			open++;
			/* Dissolved, the connection leaves no TIME_WAIT. */
			struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
			connect(fd, &unspecified, sizeof unspecified);
		} else if (errno != ECONNREFUSED) {
			close(fd);
			fd = new_socket();
		}
	}
	close(fd);
	return (void *)open;
}

int main(int count, char **words)
{
	pthread_t thread[MOST_THREADS];
	long open = 0;
	threads = count == 3 || count == 5 ? atoi(words[1]) : 0;
	if (count == 5) {
		hosts = atoi(words[3]);
		ports = atoi(words[4]);
	}
	if (threads < 1 || threads > MOST_THREADS || inet_pton(AF_INET, words[2], &target) != 1 || hosts < 1
	    || ports < 1 || ports > 65535) {
		fprintf(stderr, "usage: floor-connect THREADS IPV4 [HOSTS PORTS]\n");
		return 2;
	}
	for (long number = 0; number < threads; number++)
		if (pthread_create(&thread[number], NULL, scan, (void *)number))
			return 1;
	for (int number = 0; number < threads; number++) {
		void *found;
		pthread_join(thread[number], &found);
		open += (long)found;
	}
	printf("%ld\n", open);
	return 0;
}
