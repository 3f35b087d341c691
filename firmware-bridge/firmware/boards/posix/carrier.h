/* The cable: the device's end of a pseudo-terminal, or a TCP port on loopback. May lose bytes on purpose. */
#ifndef CARRIER_H
#define CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct carrier {
  int fd;       /* what bytes go through, or −1 */
  bool present; /* a host is at the other end */
  int listener; /* TCP: where hosts come from, or −1 */
  char uri[64]; /* as the gateway's --device takes it */
  uint32_t lose_ppm;
  uint32_t random;
  uint32_t until_loss; /* bytes that still get through */
};

/* Both end the program with a sentence when they cannot. Port 0: a free one. */
void carrier_open_pty(struct carrier *carrier, const char *link);
void carrier_open_tcp(struct carrier *carrier, uint16_t port);

/* Each byte sent is lost with this probability, the same bytes for the same seed. */
void carrier_lose(struct carrier *carrier, uint32_t ppm, uint32_t seed);

/*
 * Waits up to `timeout_us` for a host or its bytes, of which at most `capacity` are put to `bytes`; returns how many.
 * `lost` tells, once, that the host has gone or another has taken its place.
 */
size_t carrier_receive(struct carrier *carrier, uint64_t timeout_us, uint8_t *bytes, size_t capacity, bool *lost);

/* Bytes taken: all where there is no host, for a cable does not hold them back. */
size_t carrier_write(struct carrier *carrier, const uint8_t *bytes, size_t length);

#endif
