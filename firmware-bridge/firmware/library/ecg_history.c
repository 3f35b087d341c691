#include "ecg_history.h"

#include <string.h>

#include "ecg_bytes.h"
#include "ecg_link_payload.h"

/* A slot: 0 clock u32 · 4 electrodes off u16 · 6 marks u8 · 7 values. */
enum { CLOCK = 0, ELECTRODES = 4, MARKS = 6, VALUES = 7 };
enum { SATURATED = 1, HOLE = 2 };

size_t ecg_history_stride(uint8_t channels, uint8_t width) {
  return (size_t)VALUES + (size_t)channels * width;
}

void ecg_history_init(struct ecg_history *history, uint8_t *memory, size_t bytes, uint8_t channels, uint8_t width) {
  const size_t stride = ecg_history_stride(channels, width);
  memset(history, 0, sizeof *history);
  history->memory = memory;
  history->capacity = (uint32_t)(bytes / stride);
  history->stride = (uint16_t)stride;
  history->channels = channels;
  history->width = width;
}

static uint8_t *take_slot(struct ecg_history *history) {
  uint8_t *at = history->memory + (size_t)history->slot * history->stride;
  history->slot = history->slot + 1u == history->capacity ? 0 : history->slot + 1u;
  if (history->held < history->capacity) history->held++;
  history->next++;
  return at;
}

static uint8_t *slot_of(const struct ecg_history *history, uint64_t index) {
  const uint32_t back = (uint32_t)(history->next - index); /* 1 … held */
  const uint32_t slot = history->slot >= back ? history->slot - back : history->slot + history->capacity - back;
  return history->memory + (size_t)slot * history->stride;
}

static void append_holes(struct ecg_history *history, uint32_t count) {
  if (count > history->capacity) { /* a whole round of holes says it all */
    history->next += count - history->capacity;
    count = history->capacity;
  }
  while (count-- > 0) take_slot(history)[MARKS] = HOLE;
}

static bool put_clamped(uint8_t *at, int32_t value, uint8_t width) {
  const int32_t most = width == 2 ? INT16_MAX : 0x7fffff;
  const int32_t cut = value > most ? most : value < -most - 1 ? -most - 1 : value;
  ecg_put_value(at, cut, width);
  return cut != value;
}

void ecg_history_append(struct ecg_history *history, const struct ecg_sample *sample) {
  append_holes(history, sample->index - (uint32_t)history->next);
  uint8_t *at = take_slot(history);
  bool saturated = sample->saturated;
  for (size_t c = 0; c < history->channels; c++) {
    if (put_clamped(at + VALUES + c * history->width, sample->value[c], history->width)) saturated = true;
  }
  ecg_put_u32(at + CLOCK, sample->clock_us);
  ecg_put_u16(at + ELECTRODES, sample->electrodes_off);
  at[MARKS] = saturated ? SATURATED : 0;
}

uint64_t ecg_history_oldest(const struct ecg_history *history) {
  return history->next - history->held;
}

struct ecg_history_run ecg_history_run(const struct ecg_history *history, uint64_t first, uint32_t limit) {
  const uint64_t available = history->next - first;
  const uint32_t most = limit < available ? limit : (uint32_t)available;
  const uint8_t hole = slot_of(history, first)[MARKS] & HOLE;
  uint32_t count = 1;
  while (count < most && (slot_of(history, first + count)[MARKS] & HOLE) == hole) count++;
  return (struct ecg_history_run){.count = count, .present = hole == 0};
}

struct ecg_history_block ecg_history_read(const struct ecg_history *history, uint64_t first, uint32_t count,
                                          uint8_t *values) {
  const size_t size = history->stride - (size_t)VALUES;
  struct ecg_history_block block = {.clock_us = ecg_history_clock(history, first)};
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *at = slot_of(history, first + i);
    memcpy(values + i * size, at + VALUES, size);
    block.electrodes_off = (uint16_t)(block.electrodes_off | ecg_get_u16(at + ELECTRODES));
    if (at[MARKS] & SATURATED) block.saturated = true;
  }
  return block;
}

uint32_t ecg_history_clock(const struct ecg_history *history, uint64_t index) {
  return ecg_get_u32(slot_of(history, index) + CLOCK);
}
