#include "synthetic_ecg.h"

enum { WAVES = 5 };

/* P, Q, R, S, T: middle and half width, ms; peak in each lead, µV. */
static const struct wave {
  int16_t middle, half_width;
  int16_t peak[SYNTHETIC_ECG_LEADS];
} waves[WAVES] = {
    {160, 55, {80, 120, 60, 70, 70, 70, 70, 70}},
    {272, 16, {-40, -60, 0, 0, 0, -50, -80, -80}},
    {300, 26, {700, 1100, 200, 500, 900, 1500, 1300, 1000}},
    {328, 18, {-120, -200, -900, -1400, -900, -500, -250, -120}},
    {560, 110, {200, 300, -80, 500, 500, 450, 350, 250}},
};

const char *const synthetic_ecg_leads[SYNTHETIC_ECG_LEADS] = {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};

/* (1 − (distance / half width)²)², in 1/4096: smooth at both feet. */
static int32_t bump(int32_t distance, int32_t half_width) {
  if (distance <= -half_width || distance >= half_width) return 0;
  const int32_t one_less_square = 4096 - distance * distance * 4096 / (half_width * half_width);
  return one_less_square * one_less_square / 4096;
}

void synthetic_ecg(uint32_t ms, int32_t microvolts[SYNTHETIC_ECG_LEADS]) {
  const int32_t phase = (int32_t)(ms % SYNTHETIC_ECG_BEAT_MS);
  for (uint32_t lead = 0; lead < SYNTHETIC_ECG_LEADS; lead++) microvolts[lead] = 0;
  for (uint32_t w = 0; w < WAVES; w++) {
    const int32_t height = bump(phase - waves[w].middle, waves[w].half_width);
    if (height == 0) continue;
    for (uint32_t lead = 0; lead < SYNTHETIC_ECG_LEADS; lead++) microvolts[lead] += height * waves[w].peak[lead] / 4096;
  }
}
