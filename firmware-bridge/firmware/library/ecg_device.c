#include "ecg_device.h"

#include <string.h>

#include "ecg_device_send.h"

static size_t samples_per_packet(const struct ecg_device_config *config) {
  const size_t overhead = ECG_PACKET_MIN + ECG_SAMPLES_HEADER_SIZE;
  const size_t by_size = (config->packet_limit - overhead) / ((size_t)config->channels * config->width);
  const uint64_t by_time = (uint64_t)config->rate_mhz * ECG_BATCH_US / 1000000000u;
  const size_t most = by_size < ECG_SAMPLES_PER_PACKET_MAX ? by_size : ECG_SAMPLES_PER_PACKET_MAX;
  if (by_time == 0) return most == 0 ? 0 : 1;
  return by_time < most ? (size_t)by_time : most;
}

const char *ecg_device_init(struct ecg_device *device, const struct ecg_device_config *config,
                            const struct ecg_port *port) {
  if (config->channels == 0 || config->channels > ECG_CHANNELS_MAX) return "channels must be 1 to ECG_CHANNELS_MAX";
  if (config->width != 2 && config->width != 3) return "width must be 2 or 3";
  if (config->rate_mhz == 0) return "rate_mhz must not be 0";
  if (config->packet_limit < ECG_PACKET_LIMIT_MIN || config->packet_limit > ECG_PACKET_MAX)
    return "packet_limit must be ECG_PACKET_LIMIT_MIN to ECG_PACKET_MAX";

  memset(device, 0, sizeof *device);
  device->config = *config;
  device->port = *port;
  device->batch = (uint8_t)samples_per_packet(config);
  if (device->batch == 0) return "packet_limit must leave room for one sample";
  ecg_ring_init(&device->ring);
  ecg_history_init(&device->history, config->history, config->history_bytes, config->channels, config->width);
  if (device->history.capacity < 2u * device->batch) return "history must hold two packets of samples";
  ecg_framer_init(&device->framer, device->rx, sizeof device->rx);
  device->boot = port->random(port->context);
  device->hello_due = true;
  if (config->smp != NULL) smp_server_limit_answers(config->smp, config->packet_limit - ECG_PACKET_MIN);
  return ecg_device_hello_fits(device) ? NULL : "HELLO must fit packet_limit: shorten id, model, firmware or leads";
}

void ecg_device_sample(struct ecg_device *device, const int32_t *values, uint32_t clock_us, uint16_t electrodes_off,
                       bool saturated) {
  ecg_ring_push(&device->ring, values, device->config.channels, clock_us, electrodes_off, saturated);
}

void ecg_device_sample_missed(struct ecg_device *device) {
  ecg_ring_miss(&device->ring);
}

void ecg_device_event(struct ecg_device *device, enum ecg_event_kind kind) {
  const uint32_t state = device->port.lock(device->port.context);
  if (device->streaming && device->event_count < ECG_EVENTS_MAX) {
    device->events[device->event_count++] = (struct ecg_event){.index = device->ring.index, .kind = (uint8_t)kind};
  } else if (device->streaming) {
    device->counters.events_lost++;
  }
  device->port.unlock(device->port.context, state);
}

static void reply(struct ecg_device *device, struct ecg_reply what) {
  if (device->reply_count == ECG_REPLIES_MAX) {
    device->counters.replies_lost++;
  } else {
    device->replies[device->reply_count++] = what;
  }
}

static void acknowledge(struct ecg_device *device, uint8_t type, enum ecg_ack_status status) {
  reply(device, (struct ecg_reply){.type = ECG_ACK, .acknowledged = type, .status = (uint8_t)status});
}

static void start(struct ecg_device *device, uint64_t now_us) {
  if (!device->streaming) { /* a repeated START, its ACK lost, must not open a gap */
    device->cursor = device->history.next;
    device->status_due_us = now_us;
    device->streaming = true;
  }
  acknowledge(device, ECG_START, ECG_ACK_OK);
}

static void stop_streaming(struct ecg_device *device) {
  device->streaming = false;
  device->resend_count = 0;
  const uint32_t state = device->port.lock(device->port.context);
  device->event_count = 0;
  device->port.unlock(device->port.context, state);
}

/* What the request names beyond the newest sample will come live. */
static void resend(struct ecg_device *device, struct ecg_range range) {
  const uint64_t next = device->history.next;
  if (range.count == 0 || range.first >= next) {
    acknowledge(device, ECG_RESEND, ECG_ACK_BAD_ARGUMENT);
  } else if (device->resend_count == ECG_RESENDS_MAX) {
    acknowledge(device, ECG_RESEND, ECG_ACK_BUSY);
  } else {
    if (range.count > next - range.first) range.count = (uint32_t)(next - range.first);
    device->resends[device->resend_count++] = range;
  }
}

static void handle(struct ecg_device *device, const struct ecg_packet *packet, uint64_t now_us) {
  struct ecg_range range;
  uint64_t t0;
  switch (packet->type) {
    case ECG_HELLO_REQ:
      device->hello_due = true;
      break;
    case ECG_START:
      start(device, now_us);
      break;
    case ECG_STOP:
      stop_streaming(device);
      acknowledge(device, ECG_STOP, ECG_ACK_OK);
      break;
    case ECG_RESEND:
      if (ecg_get_range(packet, &range)) {
        resend(device, range);
      } else {
        device->counters.bad_frames++;
      }
      break;
    case ECG_TIME_REQ:
      if (ecg_get_time_request(packet, &t0)) {
        reply(device, (struct ecg_reply){.type = ECG_TIME_RSP, .t0 = t0, .t1 = now_us});
      } else {
        device->counters.bad_frames++;
      }
      break;
    case ECG_SMP:
      if (device->config.smp != NULL) {
        smp_server_receive(device->config.smp, packet->payload, packet->payload_length);
      } else {
        acknowledge(device, ECG_SMP, ECG_ACK_UNSUPPORTED);
      }
      break;
    default:
      device->counters.unknown_types++;
  }
}

static void receive_packet(struct ecg_device *device, const uint8_t *bytes, size_t length, uint64_t now_us) {
  struct ecg_packet packet;
  if (ecg_packet_parse(bytes, length, &packet) == ECG_PACKET_OK) {
    handle(device, &packet, now_us);
  } else {
    device->counters.bad_frames++;
  }
}

void ecg_device_receive(struct ecg_device *device, const uint8_t *bytes, size_t length) {
  const uint64_t now_us = device->port.clock_us(device->port.context);
  if (device->config.carrier == ECG_CARRIER_PACKETS) {
    receive_packet(device, bytes, length, now_us);
    return;
  }
  for (size_t i = 0; i < length; i++) {
    switch (ecg_framer_push(&device->framer, bytes[i])) {
      case ECG_FRAMER_PACKET:
        receive_packet(device, device->framer.packet, device->framer.length, now_us);
        break;
      case ECG_FRAMER_BAD:
        device->counters.bad_frames++;
        break;
      case ECG_FRAMER_MORE:
        break;
    }
  }
}

void ecg_device_carrier_lost(struct ecg_device *device) {
  stop_streaming(device);
  device->reply_count = 0;
  device->tx_begin = device->tx_end = 0;
  ecg_framer_init(&device->framer, device->rx, sizeof device->rx);
}

uint64_t ecg_device_dropped(const struct ecg_device *device) {
  return device->ring.dropped + device->counters.unsent;
}
