/* A sinus rhythm of 75 beats a minute in integer arithmetic: for boards without a patient. */
#ifndef SYNTHETIC_ECG_H
#define SYNTHETIC_ECG_H

#include <stdint.h>

#define SYNTHETIC_ECG_LEADS 8u /* I, II, V1 … V6 */
#define SYNTHETIC_ECG_BEAT_MS 800u

extern const char *const synthetic_ecg_leads[SYNTHETIC_ECG_LEADS];

/* The leads `ms` after a beat began: R at 300 ms, the next beat at SYNTHETIC_ECG_BEAT_MS. */
void synthetic_ecg(uint32_t ms, int32_t microvolts[SYNTHETIC_ECG_LEADS]);

#endif
