/*
 * The input is a script for everything around a device: host, carrier, interrupts, time. Whatever it does, what the
 * device sends is whole, numbered without a gap, says the truth about each sample, and accounts for every one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "ecg_bytes.h"
#include "ecg_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANNELS = 2, WIDTH = 3, RETAIN = 24, RATE = 500 };

static struct ecg_device device;
static uint64_t now_us;
static size_t room;
static struct ecg_framer framer;
static uint8_t received[ECG_PACKET_MAX];
static uint16_t next_sequence;
static uint64_t next_live;      /* the sample that the host expects */
static uint64_t skipped;        /* samples that never came live */
static uint64_t dropped_before; /* START */
static uint64_t base;           /* where index counting begins, to cross 2^32 */

static void must(bool holds) {
  if (!holds) abort();
}

static int32_t value_of(uint64_t index, unsigned channel) {
  return (int32_t)(index % 4000000u) - (int32_t)channel;
}

static void check_samples(const struct ecg_packet *packet) {
  const uint8_t *payload = packet->payload;
  const uint64_t first = ecg_get_u64(payload);
  const unsigned count = payload[8];
  must(count > 0 && payload[9] == CHANNELS && payload[13] == WIDTH);
  must(packet->payload_length == ECG_SAMPLES_HEADER_SIZE + count * CHANNELS * WIDTH);
  for (unsigned i = 0; i < count * CHANNELS; i++) {
    uint8_t expected[WIDTH];
    ecg_put_value(expected, value_of(first + i / CHANNELS, i % CHANNELS), WIDTH);
    must(memcmp(expected, payload + ECG_SAMPLES_HEADER_SIZE + i * WIDTH, WIDTH) == 0);
  }
  must(packet->clock_us == (first - base) * (1000000u / RATE) + 1u); /* its sampling instant */
  if (payload[12] & ECG_FLAG_RETRANSMISSION) return;
  must(first >= next_live);
  skipped += first - next_live;
  next_live = first + count;
}

static void check_packet(const uint8_t *bytes, size_t length) {
  struct ecg_packet packet;
  must(ecg_packet_parse(bytes, length, &packet) == ECG_PACKET_OK);
  must(length <= device.config.packet_limit);
  must(packet.sequence == next_sequence++);
  if (packet.type == ECG_SAMPLES) check_samples(&packet);
  if (packet.type == ECG_TIME_RSP) must(ecg_get_u64(packet.payload + 8) <= ecg_get_u64(packet.payload + 16));
}

static uint64_t port_clock(void *context) {
  (void)context;
  return now_us;
}

static size_t port_write(void *context, const uint8_t *bytes, size_t length) {
  (void)context;
  if (device.config.carrier == ECG_CARRIER_PACKETS) {
    if (room < length) return 0;
    room -= length;
    check_packet(bytes, length);
    return length;
  }
  const size_t taken = length < room ? length : room;
  room -= taken;
  for (size_t i = 0; i < taken; i++) {
    const enum ecg_framer_result result = ecg_framer_push(&framer, bytes[i]);
    must(result != ECG_FRAMER_BAD);
    if (result == ECG_FRAMER_PACKET) check_packet(received, framer.length);
  }
  return taken;
}

static uint32_t port_lock(void *context) {
  (void)context;
  return 0;
}

static void port_unlock(void *context, uint32_t state) {
  (void)context;
  (void)state;
}

static const char *port_id(void *context) {
  (void)context;
  return "fuzzed";
}

static uint32_t port_random(void *context) {
  (void)context;
  return 1;
}

static void port_status(void *context, struct ecg_status *status) {
  (void)context;
  status->has_temperature = true;
  status->temperature_256 = (int16_t)now_us;
}

/* A whole packet from the host, so that the fuzzer need not guess CRCs. */
static void host_sends(uint8_t type, const uint8_t *payload, size_t length) {
  uint8_t frame[ECG_FRAME_MAX];
  memcpy(frame + ECG_COBS_HEADROOM + ECG_HEADER_SIZE, payload, length);
  const size_t packet = ecg_packet_seal(frame + ECG_COBS_HEADROOM, type, 0, 0, length);
  if (device.config.carrier == ECG_CARRIER_PACKETS) {
    ecg_device_receive(&device, frame + ECG_COBS_HEADROOM, packet);
  } else {
    const uint8_t end = 0; /* of whatever noise came before */
    ecg_device_receive(&device, &end, 1);
    ecg_device_receive(&device, frame, ecg_cobs_encode(frame, packet));
  }
}

static uint64_t next_index(void) {
  return device.history.next + (uint32_t)(device.ring.index - (uint32_t)device.history.next);
}

static void host_starts(void) {
  if (!device.streaming) { /* what is still under way from an earlier session would be taken for this one's */
    room = SIZE_MAX;
    ecg_device_poll(&device);
    room = 0;
    next_live = device.history.next;
    skipped = 0;
    dropped_before = ecg_device_dropped(&device) - (next_index() - device.history.next);
  }
  host_sends(ECG_START, (const uint8_t *)"", 0);
  must(device.streaming);
}

static void samples(unsigned count) {
  while (count-- > 0) {
    const uint64_t index = next_index();
    int32_t values[CHANNELS];
    for (unsigned c = 0; c < CHANNELS; c++) values[c] = value_of(index, c);
    now_us = (index - base) * (1000000u / RATE) + 1u;
    ecg_device_sample(&device, values, (uint32_t)now_us, 0, false);
  }
}

/* Once everything is sent, each sample since START has come live or is counted as dropped, and none is both. */
static void check_account(void) {
  room = SIZE_MAX;
  now_us += ECG_BATCH_US;
  ecg_device_poll(&device);
  if (device.streaming) must(skipped + (next_index() - next_live) == ecg_device_dropped(&device) - dropped_before);
}

static void boot(uint8_t options) {
  static const char *const leads[] = {"I", "II"};
  static uint8_t history[RETAIN * (7 + CHANNELS * WIDTH)];
  const struct ecg_port port = {NULL,        port_clock, port_write,  port_lock,
                                port_unlock, port_id,    port_random, port_status};
  const struct ecg_device_config config = {.model = "m",
                                           .firmware = "0.0.0",
                                           .leads = leads,
                                           .channels = CHANNELS,
                                           .width = WIDTH,
                                           .rate_mhz = RATE * 1000,
                                           .lsb_pv = 1,
                                           .carrier = options & 1 ? ECG_CARRIER_PACKETS : ECG_CARRIER_BYTES,
                                           .packet_limit = options & 2 ? 130 : ECG_PACKET_MAX,
                                           .history = history,
                                           .history_bytes = sizeof history};
  now_us = 0;
  room = 0;
  next_sequence = 0;
  next_live = 0;
  skipped = 0;
  ecg_framer_init(&framer, received, sizeof received);
  must(ecg_device_init(&device, &config, &port) == NULL);
  base = options & 4 ? 0xfffffff0u : 0;
  device.history.next = device.cursor = base;
  device.ring.index = (uint32_t)base;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *const end = data + size;
  if (size == 0) return 0;
  boot(*data++);
  while (end - data >= 2) {
    const uint8_t action = *data++;
    const uint8_t amount = *data++;
    const size_t length = (size_t)(end - data) < amount ? (size_t)(end - data) : amount;
    switch (action % 12) {
      case 0:
        ecg_device_receive(&device, data, length);
        data += length;
        break;
      case 1:
        host_sends(ECG_RESEND, data, length < 12 ? length : 12);
        data += length < 12 ? length : 12;
        break;
      case 2: { /* a request near what is retained */
        uint8_t range[12];
        ecg_put_range(range, (struct ecg_range){device.history.next - amount % 64, amount / 4u});
        host_sends(ECG_RESEND, range, sizeof range);
        break;
      }
      case 3:
        host_starts();
        break;
      case 4:
        host_sends(ECG_STOP, data, 0);
        break;
      case 5:
        host_sends(ECG_TIME_REQ, (const uint8_t *)"12345678", 8);
        break;
      case 6:
        if (amount != ECG_START) host_sends(amount, data, 0);
        break;
      case 7:
        samples(amount % 48);
        break;
      case 8:
        room += amount;
        ecg_device_poll(&device);
        break;
      case 9:
        ecg_device_event(&device, ECG_EVENT_BUTTON);
        break;
      case 10:
        ecg_device_sample_missed(&device);
        break;
      case 11:
        if (amount == 0) { /* the host sees a new connection; the packets of the old one may end anywhere */
          ecg_device_carrier_lost(&device);
          ecg_framer_init(&framer, received, sizeof received);
          next_sequence = device.sequence;
        }
        ecg_device_poll(&device);
        break;
    }
  }
  check_account();
  return 0;
}
