/* What the device samples: the synthetic ECG, or a WFDB record in format 16, over and over. */
#ifndef FRONT_END_H
#define FRONT_END_H

#include <stdbool.h>
#include <stdint.h>

#include "ecg_ring.h"

struct front_end {
  const char *leads[ECG_CHANNELS_MAX];
  uint8_t channels;
  uint8_t width; /* bytes that a value needs */
  uint32_t rate_mhz;
  uint32_t lsb_pv;
  int16_t *counts; /* channels × samples, sample-major; NULL: synthetic */
  uint64_t samples;
};

struct front_end front_end_synthetic(uint32_t rate_mhz);

/*
 * Reads the header (.hea) and the signal file beside it. Plays I, II, V1 … V6 where the record has them, else its first
 * ECG_CHANNELS_MAX signals. Ends the program with a sentence where that is not possible.
 */
struct front_end front_end_record(const char *header);

/* False where the record has no sample. */
bool front_end_sample(const struct front_end *front_end, uint64_t index, int32_t *values);

#endif
