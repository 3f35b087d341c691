/*
 * The last samples, as they go on the wire: the queue of what is still to be sent, and what RESEND can ask for.
 * In memory of the caller, 7 bytes + channels × width per sample (31 bytes for 8 × 24 bit). Main loop only.
 */
#ifndef ECG_HISTORY_H
#define ECG_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ecg_ring.h"

struct ecg_history {
  uint8_t *memory;   /* caller's, for as long as the history is used */
  uint32_t capacity; /* samples */
  uint32_t held;     /* samples, the newest ones; ≤ capacity */
  uint32_t slot;     /* where the next sample goes */
  uint64_t next;     /* index of the next sample */
  uint16_t stride;   /* bytes per sample: 7 + channels × width */
  uint8_t channels;
  uint8_t width;
};

/* Consecutive samples that are alike in being held or not. */
struct ecg_history_run {
  uint32_t count;
  bool present;
};

/* What a block's header says about its samples: electrodes that were off and saturation at any of them. */
struct ecg_history_block {
  uint32_t clock_us; /* sampling instant of the first, low 32 bits */
  uint16_t electrodes_off;
  bool saturated;
};

size_t ecg_history_stride(uint8_t channels, uint8_t width);

void ecg_history_init(struct ecg_history *history, uint8_t *memory, size_t bytes, uint8_t channels, uint8_t width);

/*
 * Takes the next sample; what was dropped since the one before becomes a hole. Values beyond the width's range are cut
 * to it and the sample marked as saturated.
 */
void ecg_history_append(struct ecg_history *history, const struct ecg_sample *sample);

/* Index of the oldest sample, held or hole; `next` where there is none. */
uint64_t ecg_history_oldest(const struct ecg_history *history);

/* The longest run from `first` (oldest ≤ first < next) of at most `limit` samples. */
struct ecg_history_run ecg_history_run(const struct ecg_history *history, uint64_t first, uint32_t limit);

/* Copies the values of a present run to `values`, channels × width bytes per sample. */
struct ecg_history_block ecg_history_read(const struct ecg_history *history, uint64_t first, uint32_t count,
                                          uint8_t *values);

/* Sampling instant of a present sample, low 32 bits. */
uint32_t ecg_history_clock(const struct ecg_history *history, uint64_t index);

#endif
