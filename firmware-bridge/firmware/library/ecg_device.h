/*
 * An ECG Link device: says who it is, streams, answers. All state is in `struct ecg_device`, which the caller owns; any
 * number of them may live side by side. Nothing is allocated and nothing waits.
 *
 *   interrupt   ecg_device_sample or ecg_device_sample_missed, once per sampling instant, from one handler
 *   any         ecg_device_event
 *   main loop   ecg_device_receive with what the carrier brought, then ecg_device_poll: after each interrupt, and at
 *               least every ECG_RING_SLOTS / 2 sampling periods
 *
 * Sent first is what the host waits for (HELLO, ACK, TIME_RSP), then EVENT, STATUS, new samples, answers to RESEND. New
 * samples that the carrier does not take yet wait in the history; those that fall out of it unsent count as dropped.
 */
#ifndef ECG_DEVICE_H
#define ECG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ecg_history.h"
#include "ecg_link_packet.h"
#include "ecg_link_payload.h"
#include "ecg_port.h"
#include "ecg_ring.h"
#include "smp_server.h"

/* ACK and TIME_RSP that wait for the carrier; a host waits for each, so few are ever due at once. */
#define ECG_REPLIES_MAX 8u
/* The specification lets a host have four requests in flight. */
#define ECG_RESENDS_MAX 4u
/* Presses, pacer pulses and shocks that wait for the carrier. */
#define ECG_EVENTS_MAX 8u
/* No sample waits longer than this for others to share its packet. */
#define ECG_BATCH_US 20000u
#define ECG_STATUS_PERIOD_US 10000000u
/* A reset that SMP asks for waits so long for its answer to leave the UART or the radio. */
#define ECG_RESET_AFTER_US 200000u
/* Smallest packet that holds one sample of 8 × 24 bit. */
#define ECG_PACKET_LIMIT_MIN 61u

enum ecg_carrier { ECG_CARRIER_BYTES /* COBS frames */, ECG_CARRIER_PACKETS /* BLE: one packet each write */ };

struct ecg_device_config {
  const char *model;
  const char *firmware;     /* semver */
  const char *const *leads; /* `channels` names, in the order of the samples' values */
  uint8_t channels;         /* 1 … ECG_CHANNELS_MAX */
  uint8_t width;            /* bytes per value, 2 or 3 */
  bool detects_pacer;       /* sends ECG_EVENT_PACER */
  uint32_t rate_mhz;        /* samples per 1000 s */
  uint32_t lsb_pv;          /* picovolts per count */
  enum ecg_carrier carrier;
  size_t packet_limit; /* longest packet: ECG_PACKET_MAX on bytes, MTU − 3 on BLE */
  uint8_t *history;    /* see ecg_history.h; two seconds or more let a host mend what a cable loses */
  size_t history_bytes;
  struct smp_server *smp; /* firmware update in packets of type SMP, "smp" in HELLO; NULL: none. Initialized by the caller */
};

/* Only ever rising; for the board's own diagnostics. */
struct ecg_device_counters {
  uint32_t bad_frames;    /* COBS, length, CRC, version or payload did not hold */
  uint32_t unknown_types; /* ignored */
  uint32_t replies_lost;  /* no room to remember them; the host asks again */
  uint32_t events_lost;
  uint64_t unsent; /* samples that fell out of the history before the carrier took them */
};

struct ecg_reply {
  uint8_t type;
  uint8_t acknowledged, status; /* ACK */
  uint64_t t0, t1;              /* TIME_RSP */
};

struct ecg_event {
  uint32_t index; /* low 32 bits */
  uint8_t kind;
};

struct ecg_device {
  struct ecg_device_config config;
  struct ecg_port port;
  uint32_t boot;
  uint8_t batch; /* samples per packet */
  bool hello_due;
  bool streaming;
  uint16_t sequence;
  uint64_t cursor; /* first sample that has not been sent live */
  uint64_t status_due_us;
  uint64_t reset_at_us; /* 0: no reset was asked for */
  struct ecg_ring ring;
  struct ecg_history history;
  struct ecg_reply replies[ECG_REPLIES_MAX];
  uint32_t reply_count;
  struct ecg_range resends[ECG_RESENDS_MAX];
  uint32_t resend_count;
  struct ecg_event events[ECG_EVENTS_MAX];
  uint32_t event_count; /* under the port's lock, like `events` */
  struct ecg_device_counters counters;
  struct ecg_framer framer;
  size_t tx_begin, tx_end; /* what the carrier has not taken yet */
  uint8_t rx[ECG_PACKET_MAX];
  uint8_t tx[ECG_FRAME_MAX];
};

/*
 * Returns NULL, or what is wrong with the configuration. The texts and arrays it points to, and the history's memory,
 * must live as long as the device. HELLO is sent by the first ecg_device_poll.
 */
const char *ecg_device_init(struct ecg_device *device, const struct ecg_device_config *config,
                            const struct ecg_port *port);

void ecg_device_sample(struct ecg_device *device, const int32_t *values, uint32_t clock_us, uint16_t electrodes_off,
                       bool saturated);
/* The front end did not deliver: the index moves on and the host sees a gap of known size. */
void ecg_device_sample_missed(struct ecg_device *device);
/* Something happened before the next sample. Forgotten while not streaming: it would point at a sample never sent. */
void ecg_device_event(struct ecg_device *device, enum ecg_event_kind kind);

/* Bytes of a stream, in pieces of any size; with ECG_CARRIER_PACKETS exactly one packet. */
void ecg_device_receive(struct ecg_device *device, const uint8_t *bytes, size_t length);
void ecg_device_poll(struct ecg_device *device);
/* The host has gone (TCP closed, BLE disconnected): streaming ends and what was under way is forgotten. */
void ecg_device_carrier_lost(struct ecg_device *device);

/* Samples since boot that were not read, found the ring full, or fell out of the history unsent. */
uint64_t ecg_device_dropped(const struct ecg_device *device);

#endif
