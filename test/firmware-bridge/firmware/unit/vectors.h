/* The shared vectors (firmware-bridge/vectors/ecg-link.json) as vectors_to_c.py writes them. */
#ifndef VECTORS_H
#define VECTORS_H

#include "ecg_link_payload.h"

struct bytes {
  const uint8_t *at;
  size_t length;
};

struct vector {
  const char *name;
  bool decode_only;
  uint8_t type;
  uint16_t sequence;
  uint64_t clock_us;
  const struct ecg_hello *hello;
  const struct ecg_status *status;
  const struct ecg_samples_header *samples;
  const int32_t *values;
  struct ecg_range range;
  uint64_t times[3]; /* TIME_REQ, TIME_RSP; EVENT: the sample */
  uint8_t small[2];  /* ACK; EVENT: the kind */
  struct bytes packet;
  struct bytes frame;
};

struct invalid {
  const char *name;
  const char *reason;
  struct bytes frame;
};

struct stream {
  const char *name;
  unsigned packets, bad;
  struct bytes bytes;
};

extern const struct vector vectors[];
extern const size_t vector_count;
extern const struct invalid invalids[];
extern const size_t invalid_count;
extern const struct stream streams[];
extern const size_t stream_count;

#endif
