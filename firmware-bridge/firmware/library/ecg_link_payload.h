/*
 * Payloads that a device sends and reads. Each writer returns the payload's length, or 0 where it does not fit
 * `capacity`; fixed payloads are ECG_FIXED_PAYLOAD_MAX bytes at most and take no capacity.
 */
#ifndef ECG_LINK_PAYLOAD_H
#define ECG_LINK_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ecg_link_packet.h"

#define ECG_FIXED_PAYLOAD_MAX 24u
#define ECG_SAMPLES_HEADER_SIZE 14u
#define ECG_SAMPLES_PER_PACKET_MAX 255u

/* SAMPLES, flags. */
#define ECG_FLAG_RETRANSMISSION 0x01u
#define ECG_FLAG_SATURATED 0x02u

enum ecg_ack_status { ECG_ACK_OK, ECG_ACK_BUSY, ECG_ACK_UNSUPPORTED, ECG_ACK_BAD_ARGUMENT, ECG_ACK_INTERNAL };
enum ecg_event_kind { ECG_EVENT_BUTTON = 1, ECG_EVENT_PACER = 2, ECG_EVENT_SHOCK = 3 };

/* Bits of SAMPLES' "electrodes off". */
enum ecg_electrode {
  ECG_RA = 1 << 0,
  ECG_LA = 1 << 1,
  ECG_LL = 1 << 2,
  ECG_RL = 1 << 3,
  ECG_V1 = 1 << 4,
  ECG_V2 = 1 << 5,
  ECG_V3 = 1 << 6,
  ECG_V4 = 1 << 7,
  ECG_V5 = 1 << 8,
  ECG_V6 = 1 << 9
};

struct ecg_hello {
  const char *id;
  const char *model;
  const char *firmware;     /* semver */
  const char *const *leads; /* channel order in SAMPLES */
  const char *const *caps;
  size_t lead_count;
  size_t cap_count;
  uint32_t boot;     /* random per boot */
  uint32_t rate_mhz; /* samples per 1000 s */
  uint32_t lsb_pv;   /* picovolts per count */
  uint32_t retain;   /* samples kept for RESEND */
};

struct ecg_status {
  bool has_battery, has_temperature, has_dropped, has_uptime;
  uint8_t battery;         /* per cent */
  int16_t temperature_256; /* 1/256 °C: what a sensor's registers hold, and no float on the way */
  uint64_t dropped;        /* samples since boot */
  uint64_t uptime_ms;
};

struct ecg_samples_header {
  uint64_t first;
  uint8_t count;
  uint8_t channels;
  uint16_t electrodes_off;
  uint8_t flags;
  uint8_t width; /* bytes per value, 2 or 3 */
};

/* RESEND and LOST. */
struct ecg_range {
  uint64_t first;
  uint32_t count;
};

size_t ecg_put_hello(uint8_t *payload, size_t capacity, const struct ecg_hello *hello);
size_t ecg_put_status(uint8_t *payload, size_t capacity, const struct ecg_status *status);
size_t ecg_put_samples_header(uint8_t *payload, const struct ecg_samples_header *header);
/* One value of `width` bytes in two's complement; it must fit. */
void ecg_put_value(uint8_t *at, int32_t value, uint8_t width);
size_t ecg_put_ack(uint8_t *payload, uint8_t acknowledged, enum ecg_ack_status status);
size_t ecg_put_range(uint8_t *payload, struct ecg_range range);
size_t ecg_put_time_response(uint8_t *payload, uint64_t t0, uint64_t t1, uint64_t t2);
size_t ecg_put_event(uint8_t *payload, uint64_t sample, uint8_t kind);

/* False where the payload's length is wrong. */
bool ecg_get_range(const struct ecg_packet *packet, struct ecg_range *range);
bool ecg_get_time_request(const struct ecg_packet *packet, uint64_t *t0);

#endif
