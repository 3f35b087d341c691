#include "ecg_device_send.h"

#include <string.h>

static uint8_t *payload_of(struct ecg_device *device) {
  return device->tx + ECG_COBS_HEADROOM + ECG_HEADER_SIZE;
}

static size_t payload_limit(const struct ecg_device *device) {
  return device->config.packet_limit - ECG_PACKET_MIN;
}

static uint64_t now_of(const struct ecg_device *device) {
  return device->port.clock_us(device->port.context);
}

/* Makes a packet of the payload in place, ready to be flushed. */
static void emit(struct ecg_device *device, enum ecg_packet_type type, size_t payload_length, uint64_t clock_us) {
  uint8_t *packet = device->tx + ECG_COBS_HEADROOM;
  const size_t length = ecg_packet_seal(packet, (uint8_t)type, device->sequence++, clock_us, payload_length);
  if (device->config.carrier == ECG_CARRIER_PACKETS) {
    device->tx_begin = ECG_COBS_HEADROOM;
    device->tx_end = ECG_COBS_HEADROOM + length;
  } else {
    device->tx_begin = 0;
    device->tx_end = ecg_cobs_encode(device->tx, length);
  }
}

/* True when the carrier has taken everything. */
static bool flush(struct ecg_device *device) {
  if (device->tx_begin < device->tx_end) {
    device->tx_begin +=
        device->port.write(device->port.context, device->tx + device->tx_begin, device->tx_end - device->tx_begin);
  }
  return device->tx_begin == device->tx_end;
}

static size_t put_hello(struct ecg_device *device) {
  const char *caps[4] = {"resend", "time"};
  size_t cap_count = 2;
  if (device->config.smp != NULL) caps[cap_count++] = "smp";
  if (device->config.detects_pacer) caps[cap_count++] = "pacer";
  const struct ecg_hello hello = {.id = device->port.id(device->port.context),
                                  .model = device->config.model,
                                  .firmware = device->config.firmware,
                                  .leads = device->config.leads,
                                  .lead_count = device->config.channels,
                                  .caps = caps,
                                  .cap_count = cap_count,
                                  .boot = device->boot,
                                  .rate_mhz = device->config.rate_mhz,
                                  .lsb_pv = device->config.lsb_pv,
                                  .retain = device->history.capacity};
  return ecg_put_hello(payload_of(device), payload_limit(device), &hello);
}

bool ecg_device_hello_fits(struct ecg_device *device) {
  return put_hello(device) > 0;
}

static bool send_hello(struct ecg_device *device) {
  if (!device->hello_due) return false;
  device->hello_due = false;
  emit(device, ECG_HELLO, put_hello(device), now_of(device));
  return true;
}

static bool send_reply(struct ecg_device *device) {
  if (device->reply_count == 0) return false;
  const struct ecg_reply reply = device->replies[0];
  memmove(device->replies, device->replies + 1, --device->reply_count * sizeof reply);
  const uint64_t now_us = now_of(device);
  if (reply.type == ECG_TIME_RSP) {
    emit(device, ECG_TIME_RSP, ecg_put_time_response(payload_of(device), reply.t0, reply.t1, now_us), now_us);
  } else {
    const size_t length = ecg_put_ack(payload_of(device), reply.acknowledged, (enum ecg_ack_status)reply.status);
    emit(device, ECG_ACK, length, now_us);
  }
  return true;
}

static bool send_smp(struct ecg_device *device) {
  if (device->config.smp == NULL) return false;
  const size_t length = smp_server_answer(device->config.smp, payload_of(device), payload_limit(device));
  if (length == 0) return false;
  emit(device, ECG_SMP, length, now_of(device));
  return true;
}

static bool send_event(struct ecg_device *device) {
  struct ecg_event event = {0};
  const uint32_t state = device->port.lock(device->port.context);
  const bool any = device->event_count > 0;
  if (any) {
    event = device->events[0];
    memmove(device->events, device->events + 1, --device->event_count * sizeof event);
  }
  device->port.unlock(device->port.context, state);
  if (!any) return false;
  const uint64_t next = device->history.next;
  const uint64_t sample = next + (uint64_t)(int64_t)(int32_t)(event.index - (uint32_t)next);
  emit(device, ECG_EVENT, ecg_put_event(payload_of(device), sample, event.kind), now_of(device));
  return true;
}

static bool send_status(struct ecg_device *device) {
  const uint64_t now_us = now_of(device);
  if (!device->streaming || now_us < device->status_due_us) return false;
  device->status_due_us = now_us + ECG_STATUS_PERIOD_US;
  struct ecg_status status = {
      .has_dropped = true, .dropped = ecg_device_dropped(device), .has_uptime = true, .uptime_ms = now_us / 1000u};
  device->port.status(device->port.context, &status);
  emit(device, ECG_STATUS, ecg_put_status(payload_of(device), payload_limit(device), &status), now_us);
  return true;
}

static void emit_samples(struct ecg_device *device, uint64_t first, uint32_t count, uint8_t flags) {
  uint8_t *payload = payload_of(device);
  const struct ecg_history *history = &device->history;
  const struct ecg_history_block block = ecg_history_read(history, first, count, payload + ECG_SAMPLES_HEADER_SIZE);
  const struct ecg_samples_header header = {
      .first = first,
      .count = (uint8_t)count,
      .channels = history->channels,
      .electrodes_off = block.electrodes_off,
      .flags = (uint8_t)(flags | (block.saturated ? ECG_FLAG_SATURATED : 0u)),
      .width = history->width,
  };
  const size_t length = ecg_put_samples_header(payload, &header) + (size_t)count * history->channels * history->width;
  const uint64_t now_us = now_of(device);
  emit(device, ECG_SAMPLES, length, now_us - (uint32_t)((uint32_t)now_us - block.clock_us));
}

/* A full packet, or what there is when a hole closes it or its first sample has waited long enough. */
static bool send_live(struct ecg_device *device) {
  const struct ecg_history *history = &device->history;
  while (device->streaming && device->cursor < history->next) {
    const struct ecg_history_run run = ecg_history_run(history, device->cursor, device->batch);
    if (run.present) {
      const bool last = device->cursor + run.count == history->next;
      const uint32_t age_us = (uint32_t)now_of(device) - ecg_history_clock(history, device->cursor);
      if (last && run.count < device->batch && age_us < ECG_BATCH_US) return false;
      emit_samples(device, device->cursor, run.count, 0);
      device->cursor += run.count;
      return true;
    }
    device->cursor += run.count;
  }
  return false;
}

static void emit_lost(struct ecg_device *device, struct ecg_range range) {
  emit(device, ECG_LOST, ecg_put_range(payload_of(device), range), now_of(device));
}

static bool send_resend(struct ecg_device *device) {
  if (device->resend_count == 0) return false;
  struct ecg_range *range = &device->resends[0];
  const uint64_t oldest = ecg_history_oldest(&device->history);
  uint32_t done;
  if (range->first < oldest) {
    done = oldest - range->first < range->count ? (uint32_t)(oldest - range->first) : range->count;
    emit_lost(device, (struct ecg_range){.first = range->first, .count = done});
  } else {
    const struct ecg_history_run run = ecg_history_run(&device->history, range->first, range->count);
    done = run.present && run.count > device->batch ? device->batch : run.count;
    if (run.present) {
      emit_samples(device, range->first, done, ECG_FLAG_RETRANSMISSION);
    } else {
      emit_lost(device, (struct ecg_range){.first = range->first, .count = done});
    }
  }
  range->first += done;
  range->count -= done;
  if (range->count == 0) memmove(device->resends, device->resends + 1, --device->resend_count * sizeof *range);
  return true;
}

/* Moves the cursor past what the next `count` samples will overwrite, and counts the samples among it. */
static void give_up_before(struct ecg_device *device, uint32_t count) {
  const struct ecg_history *history = &device->history;
  const uint64_t end = history->next + count;
  while (device->streaming && device->cursor < history->next && end - device->cursor > history->capacity) {
    const uint64_t excess = end - device->cursor - history->capacity;
    const uint32_t limit = excess < history->capacity ? (uint32_t)excess : history->capacity;
    const struct ecg_history_run run = ecg_history_run(history, device->cursor, limit);
    if (run.present) device->counters.unsent += run.count;
    device->cursor += run.count;
  }
}

/* Samples taken by the interrupt go to the history at once, whatever the carrier does. */
static void drain(struct ecg_device *device) {
  const struct ecg_sample *sample;
  while ((sample = ecg_ring_front(&device->ring)) != NULL) {
    const uint32_t holes = sample->index - (uint32_t)device->history.next;
    give_up_before(device, holes + 1u);
    ecg_history_append(&device->history, sample);
    ecg_ring_pop(&device->ring);
    const uint64_t oldest = ecg_history_oldest(&device->history);
    if (device->cursor < oldest) device->cursor = oldest;
  }
}

static bool send_next(struct ecg_device *device) {
  return send_hello(device) || send_reply(device) || send_smp(device) || send_event(device) || send_status(device) || send_live(device) ||
         send_resend(device);
}

static void reset_when_due(struct ecg_device *device) {
  struct smp_server *smp = device->config.smp;
  if (smp == NULL || !smp->reset_due) return;
  const uint64_t now_us = now_of(device);
  if (device->reset_at_us == 0) device->reset_at_us = now_us + ECG_RESET_AFTER_US;
  if (now_us < device->reset_at_us) return;
  smp->reset_due = false;
  device->reset_at_us = 0;
  smp->flash.reset(smp->flash.context);
}

void ecg_device_poll(struct ecg_device *device) {
  drain(device);
  while (flush(device) && send_next(device)) drain(device);
  reset_when_due(device);
}
