#include "carrier.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void give_up(const char *what) {
  fprintf(stderr, "ecg-device-posix: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void never_wait(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) give_up("cannot set non-blocking mode");
}

void carrier_open_pty(struct carrier *carrier, const char *link) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) give_up("no pseudo-terminal to be had");
  const char *path = ptsname(master);
  const int slave = open(path, O_RDWR | O_NOCTTY);
  struct termios raw;
  if (slave < 0 || tcgetattr(slave, &raw) < 0) give_up("cannot open the pseudo-terminal");
  raw.c_iflag = 0;
  raw.c_oflag = 0;
  raw.c_lflag = 0;
  raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
  if (tcsetattr(slave, TCSANOW, &raw) < 0) give_up("cannot make the pseudo-terminal raw");
  close(slave); /* from now on a closed end shows as POLLHUP */
  never_wait(master);
  if (link != NULL) {
    unlink(link);
    if (symlink(path, link) < 0) give_up(link);
  }
  *carrier = (struct carrier){.fd = master, .listener = -1};
  snprintf(carrier->uri, sizeof carrier->uri, "serial:%s", path);
}

void carrier_open_tcp(struct carrier *carrier, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
    give_up("cannot listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  *carrier = (struct carrier){.fd = -1, .listener = listener};
  snprintf(carrier->uri, sizeof carrier->uri, "tcp:127.0.0.1:%u", ntohs(address.sin_port));
}

/* Bytes between two losses: even from 1 to twice their mean, which is as good as chance here. */
static uint32_t next_loss(struct carrier *carrier) {
  carrier->random ^= carrier->random << 13; /* Marsaglia's xorshift32 */
  carrier->random ^= carrier->random >> 17;
  carrier->random ^= carrier->random << 5;
  return 1u + carrier->random % (2000000u / carrier->lose_ppm);
}

void carrier_lose(struct carrier *carrier, uint32_t ppm, uint32_t seed) {
  carrier->lose_ppm = ppm;
  carrier->random = seed == 0 ? 1 : seed;
  if (ppm > 0) carrier->until_loss = next_loss(carrier);
}

/* The host has gone; of a pseudo-terminal the device's end stays. */
static void lose_host(struct carrier *carrier, bool *lost) {
  *lost = carrier->present;
  carrier->present = false;
  if (carrier->listener < 0 || carrier->fd < 0) return;
  close(carrier->fd);
  carrier->fd = -1;
}

static void accept_host(struct carrier *carrier, bool *lost) {
  const int yes = 1;
  lose_host(carrier, lost);
  carrier->fd = accept(carrier->listener, NULL, NULL);
  if (carrier->fd < 0) return;
  carrier->present = true;
  never_wait(carrier->fd);
  setsockopt(carrier->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void sleep_us(uint64_t us) {
  nanosleep(&(struct timespec){.tv_sec = (time_t)(us / 1000000u), .tv_nsec = (long)(us % 1000000u * 1000u)}, NULL);
}

size_t carrier_receive(struct carrier *carrier, uint64_t timeout_us, uint8_t *bytes, size_t capacity, bool *lost) {
  struct pollfd wanted[2] = {{.fd = carrier->fd, .events = POLLIN}, {.fd = carrier->listener, .events = POLLIN}};
  *lost = false;
  if (poll(wanted, 2, (int)((timeout_us + 999u) / 1000u)) <= 0) return 0;
  if (wanted[1].revents & POLLIN) {
    accept_host(carrier, lost);
    return 0;
  }
  const ssize_t length = wanted[0].revents & POLLIN ? read(carrier->fd, bytes, capacity) : 0;
  if (length > 0) {
    carrier->present = true;
    return (size_t)length;
  }
  lose_host(carrier, lost);
  if (carrier->listener < 0) sleep_us(timeout_us); /* poll does not wait while nobody is at a pseudo-terminal */
  return 0;
}

/* As much as the other side has room for. An error is no reason to wait: carrier_wait tells what has become of the
 * host. */
static size_t pass(const struct carrier *carrier, const uint8_t *bytes, size_t length) {
  if (carrier->fd < 0 || length == 0) return length;
  const ssize_t passed = write(carrier->fd, bytes, length);
  if (passed >= 0) return (size_t)passed;
  return errno == EAGAIN ? 0 : length;
}

size_t carrier_write(struct carrier *carrier, const uint8_t *bytes, size_t length) {
  if (carrier->lose_ppm == 0) return pass(carrier, bytes, length);
  size_t taken = 0;
  while (taken < length) {
    const size_t whole = length - taken < carrier->until_loss ? length - taken : carrier->until_loss;
    const size_t passed = pass(carrier, bytes + taken, whole);
    taken += passed;
    carrier->until_loss -= (uint32_t)passed;
    if (passed < whole) break;
    if (carrier->until_loss == 0 && taken < length) {
      taken++;
      carrier->until_loss = next_loss(carrier);
    }
  }
  return taken;
}
