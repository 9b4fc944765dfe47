/*
 * The limit: an epoll loop that parses nothing and answers every read with the same bytes, those of a file.
 * `c-loop port file last` closes the connection behind each answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  static char answer[65536], input[65536];
  FILE *file = fopen(argv[2], "rb");
  if (!file) return 1;
  int size = fread(answer, 1, sizeof answer, file), closes = argc > 3;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[1024];
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, 1024, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd == listener) {
        while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
          event.events = EPOLLIN;
          event.data.fd = fd;
          epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
      } else {
        int received = recv(fd, input, sizeof input, 0);
        // Where the end follows, it leaves together with the answer.
        if (received > 0) send(fd, answer, size, MSG_NOSIGNAL | (closes ? MSG_MORE : 0));
        if (received <= 0 || closes) close(fd);
      }
    }
  }
}
