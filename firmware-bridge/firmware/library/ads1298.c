#include "ads1298.h"

const struct ads1298_wiring ads1298_straight_wiring = {
    .channel = {0, 1, 2, 3, 4, 5, 6, 7},
    .positive = {ECG_LA, ECG_LL, ECG_V1, ECG_V2, ECG_V3, ECG_V4, ECG_V5, ECG_V6},
    .negative = {ECG_RA, 0, 0, 0, 0, 0, 0, 0},
};

const struct ads1298_wiring ads1298_ecg_fe_wiring = {
    .channel = {1, 2, 7, 3, 4, 5, 6, 0},
    .positive = {ECG_V6, ECG_LA, ECG_LL, ECG_V2, ECG_V3, ECG_V4, ECG_V5, ECG_V1},
    .negative = {0, ECG_RA, 0, 0, 0, 0, 0, 0},
};

enum { MOST_POSITIVE = 0x7fffff, MOST_NEGATIVE = -0x800000 };

static int32_t value_of(const uint8_t *at) {
  const uint32_t bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
  return (int32_t)(bits ^ 0x800000u) - 0x800000;
}

static uint16_t electrodes_of(uint8_t lead_off, const uint16_t electrodes[ADS1298_CHANNELS]) {
  unsigned off = 0;
  for (unsigned n = 0; n < ADS1298_CHANNELS; n++) {
    if ((unsigned)lead_off >> n & 1u) off |= electrodes[n];
  }
  return (uint16_t)off;
}

bool ads1298_unpack(const struct ads1298_wiring *wiring, const uint8_t frame[ADS1298_FRAME_SIZE],
                    struct ads1298_sample *sample) {
  if (frame[0] >> 4 != 0xc) return false;
  const uint8_t lead_off_positive = (uint8_t)(frame[0] << 4 | frame[1] >> 4);
  const uint8_t lead_off_negative = (uint8_t)(frame[1] << 4 | frame[2] >> 4);
  sample->electrodes_off = (uint16_t)(electrodes_of(lead_off_positive, wiring->positive) |
                                      electrodes_of(lead_off_negative, wiring->negative));
  sample->saturated = false;
  for (unsigned n = 0; n < ADS1298_CHANNELS; n++) {
    const int32_t value = value_of(frame + 3 + 3u * wiring->channel[n]);
    if (value == MOST_POSITIVE || value == MOST_NEGATIVE) sample->saturated = true;
    sample->value[n] = value;
  }
  return true;
}
