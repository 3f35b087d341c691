#include "ecg_ring.h"

#include <string.h>

typedef char slots_must_be_a_power_of_two[(ECG_RING_SLOTS & (ECG_RING_SLOTS - 1u)) == 0 ? 1 : -1];

void ecg_ring_init(struct ecg_ring *ring) {
  memset(ring, 0, sizeof *ring);
}

void ecg_ring_push(struct ecg_ring *ring, const int32_t *values, size_t channels, uint32_t clock_us,
                   uint16_t electrodes_off, bool saturated) {
  const uint32_t pushed = ring->pushed;
  if (pushed - ring->popped == ECG_RING_SLOTS) {
    ecg_ring_miss(ring);
    return;
  }
  struct ecg_sample *slot = &ring->slots[pushed % ECG_RING_SLOTS];
  memcpy(slot->value, values, channels * sizeof *values);
  slot->index = ring->index;
  slot->clock_us = clock_us;
  slot->electrodes_off = electrodes_off;
  slot->saturated = saturated;
  ECG_MEMORY_BARRIER();
  ring->pushed = pushed + 1u;
  ring->index = ring->index + 1u;
}

void ecg_ring_miss(struct ecg_ring *ring) {
  ring->index = ring->index + 1u;
  ring->dropped = ring->dropped + 1u;
}

const struct ecg_sample *ecg_ring_front(const struct ecg_ring *ring) {
  const uint32_t popped = ring->popped;
  if (ring->pushed == popped) return NULL;
  ECG_MEMORY_BARRIER();
  return &ring->slots[popped % ECG_RING_SLOTS];
}

void ecg_ring_pop(struct ecg_ring *ring) {
  ECG_MEMORY_BARRIER(); /* the slot has been read before it is given back */
  ring->popped = ring->popped + 1u;
}
