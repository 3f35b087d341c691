/* The device's session, played against by a host that keeps what it receives. Time stands still unless a test moves it.
 */
#include <string.h>

#include "check.h"
#include "ecg_bytes.h"
#include "ecg_device.h"

enum { RATE = 500, PERIOD_US = 1000000 / RATE, CHANNELS = 8, HISTORY = 200, KEPT = 400, BATCH = 10 };

static struct ecg_device device;
static uint8_t history[HISTORY * 31];
static uint64_t now_us;

/* What the host has received, packet by packet. */
static struct received {
  uint8_t type;
  uint16_t sequence;
  uint64_t clock_us;
  size_t length;
  uint8_t payload[ECG_PACKET_MAX];
} received[KEPT];
static size_t received_count;
static unsigned bad_frames;
static struct ecg_framer host_framer;
static uint8_t host_packet[ECG_PACKET_MAX];
static uint16_t host_sequence;
static size_t carrier_room; /* bytes that the carrier still takes */

static uint64_t port_clock(void *context) {
  (void)context;
  return now_us;
}

static void keep(const uint8_t *bytes, size_t length) {
  struct ecg_packet packet;
  if (ecg_packet_parse(bytes, length, &packet) != ECG_PACKET_OK || received_count == KEPT) {
    bad_frames++;
    return;
  }
  struct received *slot = &received[received_count++];
  slot->type = packet.type;
  slot->sequence = packet.sequence;
  slot->clock_us = packet.clock_us;
  slot->length = packet.payload_length;
  memcpy(slot->payload, packet.payload, packet.payload_length);
}

static size_t port_write(void *context, const uint8_t *bytes, size_t length) {
  (void)context;
  const size_t taken = length < carrier_room ? length : carrier_room;
  carrier_room -= taken;
  if (device.config.carrier == ECG_CARRIER_PACKETS) {
    keep(bytes, taken);
    return taken;
  }
  for (size_t i = 0; i < taken; i++) {
    const enum ecg_framer_result result = ecg_framer_push(&host_framer, bytes[i]);
    if (result == ECG_FRAMER_PACKET) keep(host_packet, host_framer.length);
    if (result == ECG_FRAMER_BAD) bad_frames++;
  }
  return taken;
}

static unsigned lock_depth;

static uint32_t port_lock(void *context) {
  (void)context;
  return lock_depth++;
}

static void port_unlock(void *context, uint32_t state) {
  (void)context;
  lock_depth = state;
}

static const char *port_id(void *context) {
  return context;
}

static uint32_t port_random(void *context) {
  (void)context;
  return 0xdeadbeefu;
}

static void port_status(void *context, struct ecg_status *status) {
  (void)context;
  status->has_battery = true;
  status->battery = 87;
}

static const char *const leads[] = {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};
static const struct ecg_port port = {"ecg-0001",  port_clock, port_write,  port_lock,
                                     port_unlock, port_id,    port_random, port_status};

static struct ecg_device_config usual_config(void) {
  return (struct ecg_device_config){.model = "ecgclip-8",
                                    .firmware = "1.2.3",
                                    .leads = leads,
                                    .channels = CHANNELS,
                                    .width = 3,
                                    .rate_mhz = RATE * 1000,
                                    .lsb_pv = 1000000,
                                    .carrier = ECG_CARRIER_BYTES,
                                    .packet_limit = ECG_PACKET_MAX,
                                    .history = history,
                                    .history_bytes = sizeof history};
}

static void forget(void) {
  received_count = 0;
}

static const char *boot_with(struct ecg_device_config config) {
  now_us = 1500;
  carrier_room = SIZE_MAX;
  bad_frames = 0;
  host_sequence = 0;
  lock_depth = 0;
  forget();
  ecg_framer_init(&host_framer, host_packet, sizeof host_packet);
  return ecg_device_init(&device, &config, &port);
}

/* Booted, HELLO sent and forgotten. */
static void boot(void) {
  boot_with(usual_config());
  ecg_device_poll(&device);
  forget();
}

static void host_sends(uint8_t type, const uint8_t *payload, size_t length) {
  uint8_t frame[ECG_FRAME_MAX];
  uint8_t *packet = frame + ECG_COBS_HEADROOM;
  if (length > 0) memcpy(packet + ECG_HEADER_SIZE, payload, length);
  const size_t packet_length = ecg_packet_seal(packet, type, host_sequence++, 0, length);
  if (device.config.carrier == ECG_CARRIER_PACKETS) {
    ecg_device_receive(&device, packet, packet_length);
  } else {
    const size_t frame_length = ecg_cobs_encode(frame, packet_length);
    ecg_device_receive(&device, frame, frame_length);
  }
}

static void host_asks_again(uint64_t first, uint32_t count) {
  uint8_t payload[12];
  ecg_put_range(payload, (struct ecg_range){first, count});
  host_sends(ECG_RESEND, payload, sizeof payload);
}

static int32_t value_of(uint64_t index, int channel) {
  return (int32_t)(index * 16) + channel;
}

static void sample_without_poll(void) {
  int32_t values[CHANNELS];
  for (int c = 0; c < CHANNELS; c++) values[c] = value_of(device.ring.index, c);
  now_us += PERIOD_US;
  ecg_device_sample(&device, values, (uint32_t)now_us, 0, false);
}

static void sample(unsigned count) {
  while (count-- > 0) {
    sample_without_poll();
    ecg_device_poll(&device);
  }
}

/* Booted and streaming; ACK and STATUS forgotten. */
static void stream(void) {
  boot();
  host_sends(ECG_START, NULL, 0);
  ecg_device_poll(&device);
  forget();
}

static const struct received *find(uint8_t type, size_t nth) {
  for (size_t i = 0; i < received_count; i++) {
    if (received[i].type == type && nth-- == 0) return &received[i];
  }
  return NULL;
}

static size_t count_of(uint8_t type) {
  size_t count = 0;
  while (find(type, count) != NULL) count++;
  return count;
}

static int32_t value_in(const struct received *packet, size_t sample_number, int channel) {
  const uint8_t *at = packet->payload + ECG_SAMPLES_HEADER_SIZE + (sample_number * CHANNELS + (size_t)channel) * 3;
  return (int32_t)(((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16) ^ 0x800000u) - 0x800000;
}

static bool is_block(const struct received *packet, uint64_t first, uint8_t count, uint8_t flags) {
  if (packet == NULL || packet->type != ECG_SAMPLES || ecg_get_u64(packet->payload) != first) return false;
  if (packet->payload[8] != count || packet->payload[9] != CHANNELS || packet->payload[12] != flags) return false;
  if (packet->length != ECG_SAMPLES_HEADER_SIZE + (size_t)count * CHANNELS * 3) return false;
  for (unsigned s = 0; s < count; s++) {
    for (int c = 0; c < CHANNELS; c++) {
      if (value_in(packet, s, c) != value_of(first + s, c)) return false;
    }
  }
  return true;
}

static bool is_lost(const struct received *packet, uint64_t first, uint32_t count) {
  return packet != NULL && packet->type == ECG_LOST && packet->length == 12 && ecg_get_u64(packet->payload) == first &&
         ecg_get_u32(packet->payload + 8) == count;
}

static bool is_ack(const struct received *packet, uint8_t type, enum ecg_ack_status status) {
  return packet != NULL && packet->type == ECG_ACK && packet->payload[0] == type && packet->payload[1] == status;
}

static void says_hello_after_boot_and_when_asked(void) {
  CHECK(boot_with(usual_config()) == NULL);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  CHECK_EQUAL(received[0].type, ECG_HELLO);
  CHECK_EQUAL(received[0].clock_us, 1500);
  const char *const caps[] = {"resend", "time"};
  const struct ecg_hello hello = {"ecg-0001", "ecgclip-8", "1.2.3", leads,   caps,   8,
                                  2,          0xdeadbeefu, 500000,  1000000, HISTORY};
  uint8_t expected[ECG_PACKET_MAX];
  CHECK_EQUAL(received[0].length, ecg_put_hello(expected, sizeof expected, &hello));
  CHECK_BYTES(received[0].payload, expected, received[0].length);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  host_sends(ECG_HELLO_REQ, NULL, 0);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 2);
  CHECK_BYTES(received[1].payload, expected, received[0].length);
}

static void numbers_its_packets_without_a_gap(void) {
  stream();
  device.sequence = 65530;
  sample(BATCH * 12);
  CHECK_EQUAL(received_count, 12);
  for (size_t i = 0; i < received_count; i++) CHECK_EQUAL(received[i].sequence, (uint16_t)(65530 + i));
}

static void streams_from_start_to_stop(void) {
  boot();
  sample(25);
  CHECK_EQUAL(received_count, 0);
  host_sends(ECG_START, NULL, 0);
  ecg_device_poll(&device);
  CHECK(is_ack(find(ECG_ACK, 0), ECG_START, ECG_ACK_OK));
  sample(20);
  CHECK_EQUAL(count_of(ECG_SAMPLES), 2);
  CHECK(is_block(find(ECG_SAMPLES, 0), 25, BATCH, 0)); /* counted since boot, sent since START */
  CHECK(is_block(find(ECG_SAMPLES, 1), 35, BATCH, 0));
  CHECK_EQUAL(find(ECG_SAMPLES, 0)->clock_us, 1500 + 26 * PERIOD_US);
  host_sends(ECG_STOP, NULL, 0);
  ecg_device_poll(&device);
  CHECK(is_ack(find(ECG_ACK, 1), ECG_STOP, ECG_ACK_OK));
  forget();
  sample(30);
  CHECK_EQUAL(received_count, 0);
}

static void repeated_start_opens_no_gap(void) {
  stream();
  sample(5);
  host_sends(ECG_START, NULL, 0);
  sample(5);
  CHECK_EQUAL(count_of(ECG_ACK), 1);
  CHECK(is_block(find(ECG_SAMPLES, 0), 0, BATCH, 0));
}

static void no_sample_waits_longer_than_the_batch(void) {
  stream();
  sample(3);
  now_us += ECG_BATCH_US - 2 * PERIOD_US - 1;
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 0);
  now_us += 1;
  ecg_device_poll(&device);
  CHECK(is_block(find(ECG_SAMPLES, 0), 0, 3, 0));
}

static void packets_keep_to_the_carriers_limit(void) {
  struct ecg_device_config config = usual_config();
  config.carrier = ECG_CARRIER_PACKETS;
  config.packet_limit = 244; /* MTU 247 */
  CHECK(boot_with(config) == NULL);
  host_sends(ECG_START, NULL, 0);
  sample(20);
  CHECK_EQUAL(bad_frames, 0);
  CHECK(find(ECG_HELLO, 0) != NULL);
  CHECK(is_block(find(ECG_SAMPLES, 0), 0, 8, 0)); /* 30 + 8 × 24 = 222 bytes; nine would be 246 */
  CHECK(is_block(find(ECG_SAMPLES, 1), 8, 8, 0));
}

static void answers_time_requests_with_both_instants(void) {
  boot();
  uint8_t t0[8];
  ecg_put_u64(t0, 0x123456789abcdef0u);
  now_us = 60000;
  host_sends(ECG_TIME_REQ, t0, sizeof t0);
  now_us = 60150;
  ecg_device_poll(&device);
  const struct received *answer = find(ECG_TIME_RSP, 0);
  CHECK(answer != NULL && answer->length == 24);
  CHECK_EQUAL(ecg_get_u64(answer->payload), 0x123456789abcdef0u);
  CHECK_EQUAL(ecg_get_u64(answer->payload + 8), 60000);
  CHECK_EQUAL(ecg_get_u64(answer->payload + 16), 60150);
  CHECK_EQUAL(answer->clock_us, 60150);
}

static void resends_what_it_retains_as_retransmission(void) {
  stream();
  sample(100);
  const uint64_t clock = find(ECG_SAMPLES, 3)->clock_us;
  forget();
  host_asks_again(30, 25);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 3);
  CHECK(is_block(&received[0], 30, 10, ECG_FLAG_RETRANSMISSION));
  CHECK(is_block(&received[1], 40, 10, ECG_FLAG_RETRANSMISSION));
  CHECK(is_block(&received[2], 50, 5, ECG_FLAG_RETRANSMISSION));
  CHECK_EQUAL(received[0].clock_us, clock); /* when they were sampled, not when they are sent again */
}

static void says_what_is_no_longer_retained(void) {
  stream();
  sample(HISTORY + 50);
  forget();
  host_asks_again(40, 20);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 2);
  CHECK(is_lost(&received[0], 40, 10));
  CHECK(is_block(&received[1], 50, 10, ECG_FLAG_RETRANSMISSION));
  forget();
  host_asks_again(0, 20);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  CHECK(is_lost(&received[0], 0, 20));
}

static void refuses_requests_that_make_no_sense(void) {
  stream();
  sample(20);
  forget();
  host_asks_again(5, 0);
  host_asks_again(20, 1);
  host_asks_again(UINT64_MAX, UINT32_MAX);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 3);
  for (size_t i = 0; i < 3; i++) CHECK(is_ack(&received[i], ECG_RESEND, ECG_ACK_BAD_ARGUMENT));
  forget();
  host_asks_again(15, UINT32_MAX);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  CHECK(is_block(&received[0], 15, 5, ECG_FLAG_RETRANSMISSION));
}

static void fifth_request_in_flight_is_told_to_wait(void) {
  stream();
  sample(100);
  forget();
  for (unsigned i = 0; i < 5; i++) host_asks_again(10 * i, 10);
  ecg_device_poll(&device);
  CHECK_EQUAL(count_of(ECG_SAMPLES), 4);
  CHECK(is_ack(find(ECG_ACK, 0), ECG_RESEND, ECG_ACK_BUSY));
}

static void live_samples_go_before_old_ones(void) {
  stream();
  sample(100);
  forget();
  host_asks_again(0, 20);
  for (unsigned i = 0; i < BATCH; i++) sample_without_poll();
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 3);
  CHECK(is_block(&received[0], 100, 10, 0));
  CHECK(is_block(&received[1], 0, 10, ECG_FLAG_RETRANSMISSION));
}

static void slow_carrier_delays_and_loses_nothing(void) {
  stream();
  carrier_room = 0;
  sample(HISTORY - BATCH);
  CHECK_EQUAL(received_count, 0);
  while (received_count < (HISTORY - BATCH) / BATCH) {
    carrier_room = 7; /* a FIFO's worth at a time */
    ecg_device_poll(&device);
  }
  for (size_t i = 0; i < received_count; i++) CHECK(is_block(&received[i], BATCH * i, BATCH, 0));
  CHECK_EQUAL(bad_frames, 0);
  CHECK_EQUAL(ecg_device_dropped(&device), 0);
}

static void blocked_carrier_costs_the_oldest_and_they_are_counted(void) {
  stream();
  carrier_room = 0;
  sample(10 + HISTORY + 35); /* the first packet is made and waits; 35 samples fall out of the history unsent */
  CHECK_EQUAL(ecg_device_dropped(&device), 35);
  carrier_room = SIZE_MAX;
  ecg_device_poll(&device);
  CHECK(is_block(&received[0], 0, 10, 0));
  CHECK(is_block(&received[1], 45, 10, 0));
}

static void samples_lost_in_the_ring_are_a_gap_of_known_size(void) {
  stream();
  sample(10);
  for (unsigned i = 0; i < ECG_RING_SLOTS + 8; i++) sample_without_poll();
  ecg_device_poll(&device);
  sample(20);
  CHECK_EQUAL(ecg_device_dropped(&device), 8);
  const struct received *last_before = find(ECG_SAMPLES, 1 + ECG_RING_SLOTS / BATCH);
  CHECK(is_block(last_before, 40, 2, 0)); /* the gap closes the packet */
  CHECK(is_block(find(ECG_SAMPLES, 2 + ECG_RING_SLOTS / BATCH), 50, 10, 0));
  forget();
  host_asks_again(40, 12);
  ecg_device_poll(&device);
  CHECK(is_block(&received[0], 40, 2, ECG_FLAG_RETRANSMISSION));
  CHECK(is_lost(&received[1], 42, 8));
  CHECK(is_block(&received[2], 50, 2, ECG_FLAG_RETRANSMISSION));
}

static void gap_longer_than_the_history_leaves_nothing_behind(void) {
  stream();
  sample(4);
  for (unsigned i = 0; i < 10 * HISTORY; i++) ecg_device_sample_missed(&device);
  for (unsigned i = 0; i < 2 * BATCH; i++) sample_without_poll();
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 2); /* the four before the gap were never sent, and are gone */
  CHECK(is_block(&received[0], 4 + 10 * HISTORY, BATCH, 0));
  CHECK(is_block(&received[1], 4 + 10 * HISTORY + BATCH, BATCH, 0));
  CHECK_EQUAL(ecg_device_dropped(&device), 4 + 10 * HISTORY);
}

static void block_says_which_electrodes_were_off_and_saturation(void) {
  stream();
  const int32_t values[CHANNELS] = {0};
  for (unsigned i = 0; i < BATCH; i++) {
    now_us += PERIOD_US;
    ecg_device_sample(&device, values, (uint32_t)now_us, i == 3 ? ECG_LL : i == 4 ? ECG_V6 : 0, i == 5);
  }
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  CHECK_EQUAL(ecg_get_u16(received[0].payload + 10), ECG_LL | ECG_V6);
  CHECK_EQUAL(received[0].payload[12], ECG_FLAG_SATURATED);
}

static void reports_status_at_start_and_periodically(void) {
  boot();
  host_sends(ECG_START, NULL, 0);
  ecg_device_poll(&device);
  sample(ECG_STATUS_PERIOD_US / PERIOD_US / 2);
  CHECK_EQUAL(count_of(ECG_STATUS), 1);
  forget();
  sample(ECG_STATUS_PERIOD_US / PERIOD_US / 2);
  CHECK_EQUAL(count_of(ECG_STATUS), 1);
  const struct ecg_status status = {.has_battery = true,
                                    .battery = 87,
                                    .has_dropped = true,
                                    .has_uptime = true,
                                    .uptime_ms = find(ECG_STATUS, 0)->clock_us / 1000};
  uint8_t expected[64];
  CHECK_EQUAL(find(ECG_STATUS, 0)->length, ecg_put_status(expected, sizeof expected, &status));
  CHECK_BYTES(find(ECG_STATUS, 0)->payload, expected, find(ECG_STATUS, 0)->length);
}

static void events_point_at_the_next_sample(void) {
  boot();
  ecg_device_event(&device, ECG_EVENT_SHOCK);
  host_sends(ECG_START, NULL, 0);
  ecg_device_poll(&device);
  CHECK_EQUAL(count_of(ECG_EVENT), 0);
  sample(7);
  ecg_device_event(&device, ECG_EVENT_BUTTON);
  sample_without_poll();
  ecg_device_event(&device, ECG_EVENT_PACER);
  ecg_device_poll(&device);
  CHECK_EQUAL(count_of(ECG_EVENT), 2);
  CHECK_EQUAL(ecg_get_u64(find(ECG_EVENT, 0)->payload), 7);
  CHECK_EQUAL(find(ECG_EVENT, 0)->payload[8], ECG_EVENT_BUTTON);
  CHECK_EQUAL(ecg_get_u64(find(ECG_EVENT, 1)->payload), 8);
  CHECK_EQUAL(lock_depth, 0);
  for (unsigned i = 0; i < ECG_EVENTS_MAX + 3; i++) ecg_device_event(&device, ECG_EVENT_PACER);
  CHECK_EQUAL(device.counters.events_lost, 3);
}

static void goes_on_beyond_what_32_bits_hold(void) {
  boot();
  device.history.next = device.cursor = device.ring.index = 0xfffffff0u;
  now_us = 0xffffff00u;
  host_sends(ECG_START, NULL, 0);
  sample(30);
  CHECK(ecg_get_u64(find(ECG_SAMPLES, 2)->payload) == 0x100000004u);
  CHECK_EQUAL(find(ECG_SAMPLES, 2)->clock_us, 0xffffff00u + 21u * (uint64_t)PERIOD_US);
  ecg_device_event(&device, ECG_EVENT_BUTTON);
  ecg_device_poll(&device);
  CHECK_EQUAL(ecg_get_u64(find(ECG_EVENT, 0)->payload), 0x10000000eu);
}

static void bad_and_unknown_packets_are_counted_and_cost_nothing_else(void) {
  stream();
  const uint8_t noise[] = {5, 1, 2, 3, 0, 0, 9, 9, 0};
  ecg_device_receive(&device, noise, sizeof noise);
  CHECK_EQUAL(device.counters.bad_frames, 2);
  host_sends(0x7f, noise, sizeof noise);
  host_sends(ECG_HELLO, NULL, 0); /* a device's own type */
  CHECK_EQUAL(device.counters.unknown_types, 2);
  host_sends(ECG_RESEND, noise, 5);
  host_sends(ECG_TIME_REQ, noise, 7);
  CHECK_EQUAL(device.counters.bad_frames, 4);
  host_sends(ECG_SMP, noise, 8);
  ecg_device_poll(&device);
  CHECK_EQUAL(received_count, 1);
  CHECK(is_ack(&received[0], ECG_SMP, ECG_ACK_UNSUPPORTED));
}

static void lost_carrier_ends_the_session_but_not_the_count(void) {
  stream();
  sample(15);
  carrier_room = 5;
  sample(15);
  const uint8_t half[] = {5, 1, 2};
  ecg_device_receive(&device, half, sizeof half);
  ecg_device_carrier_lost(&device);
  carrier_room = SIZE_MAX;
  ecg_framer_init(&host_framer, host_packet, sizeof host_packet);
  forget();
  sample(20);
  CHECK_EQUAL(received_count, 0);
  host_sends(ECG_HELLO_REQ, NULL, 0);
  host_sends(ECG_START, NULL, 0);
  sample(10);
  CHECK_EQUAL(received[0].type, ECG_HELLO);
  CHECK_EQUAL(bad_frames, 0);
  CHECK(is_block(find(ECG_SAMPLES, 0), 50, 10, 0));
}

static void two_devices_do_not_disturb_each_other(void) {
  static struct ecg_device other;
  static uint8_t other_history[sizeof history];
  stream();
  struct ecg_device_config config = usual_config();
  config.history = other_history;
  CHECK(ecg_device_init(&other, &config, &port) == NULL);
  sample(5);
  ecg_device_poll(&other);
  CHECK_EQUAL(received_count, 1);
  sample(5);
  CHECK(is_block(&received[1], 0, BATCH, 0));
  CHECK_EQUAL(other.ring.index, 0);
}

/* The specification has one SMP packet in one of ECG Link, and BLE takes no longer one. */
static void an_smp_answer_longer_than_a_packet_says_that_it_is(void) {
  static struct smp_server smp;
  static const struct smp_flash_port no_flash = {.context = NULL};
  enum { TEXT = 200 };
  uint8_t request[13 + TEXT] = {0x0a, 0, 0, 5 + TEXT, 0, 0, 0x42, 0, 0xa1, 0x61, 'd', 0x78, TEXT};
  struct ecg_device_config config = usual_config();
  config.carrier = ECG_CARRIER_PACKETS;
  config.packet_limit = 200;
  config.smp = &smp;
  smp_server_init(&smp, &no_flash, 512, 2);
  CHECK(boot_with(config) == NULL);
  memset(request + 13, 'x', TEXT);
  host_sends(ECG_SMP, request, sizeof request);
  ecg_device_poll(&device);
  CHECK_EQUAL(count_of(ECG_SMP), 1);
  CHECK_EQUAL(find(ECG_SMP, 0)->length, 13);
  CHECK_BYTES(find(ECG_SMP, 0)->payload, "\x0b\0\0\5\0\0\x42\0\xa1\x62rc\x07", 13); /* MGMT_ERR_EMSGSIZE */
}

static void configuration_that_cannot_work_is_refused(void) {
  struct ecg_device_config config = usual_config();
  config.channels = ECG_CHANNELS_MAX + 1;
  CHECK(boot_with(config) != NULL);
  config = usual_config();
  config.width = 4;
  CHECK(boot_with(config) != NULL);
  config = usual_config();
  config.rate_mhz = 0;
  CHECK(boot_with(config) != NULL);
  config = usual_config();
  config.packet_limit = ECG_PACKET_LIMIT_MIN - 1;
  CHECK(boot_with(config) != NULL);
  config = usual_config();
  config.packet_limit = 100; /* samples fit, HELLO does not */
  CHECK(boot_with(config) != NULL);
  config = usual_config();
  config.history_bytes = (2 * BATCH - 1) * 31;
  CHECK(boot_with(config) != NULL);
}

void device_tests(void) {
  RUN(says_hello_after_boot_and_when_asked);
  RUN(numbers_its_packets_without_a_gap);
  RUN(streams_from_start_to_stop);
  RUN(repeated_start_opens_no_gap);
  RUN(no_sample_waits_longer_than_the_batch);
  RUN(packets_keep_to_the_carriers_limit);
  RUN(answers_time_requests_with_both_instants);
  RUN(resends_what_it_retains_as_retransmission);
  RUN(says_what_is_no_longer_retained);
  RUN(refuses_requests_that_make_no_sense);
  RUN(fifth_request_in_flight_is_told_to_wait);
  RUN(live_samples_go_before_old_ones);
  RUN(slow_carrier_delays_and_loses_nothing);
  RUN(blocked_carrier_costs_the_oldest_and_they_are_counted);
  RUN(samples_lost_in_the_ring_are_a_gap_of_known_size);
  RUN(gap_longer_than_the_history_leaves_nothing_behind);
  RUN(block_says_which_electrodes_were_off_and_saturation);
  RUN(reports_status_at_start_and_periodically);
  RUN(events_point_at_the_next_sample);
  RUN(goes_on_beyond_what_32_bits_hold);
  RUN(bad_and_unknown_packets_are_counted_and_cost_nothing_else);
  RUN(lost_carrier_ends_the_session_but_not_the_count);
  RUN(two_devices_do_not_disturb_each_other);
  RUN(an_smp_answer_longer_than_a_packet_says_that_it_is);
  RUN(configuration_that_cannot_work_is_refused);
}
