/*
 * Frames of the TI ADS1298 (SBAS459, "Data retrieval"): 27 bytes per sampling instant, read by SPI after DRDY.
 *
 *   24 bits status: 1100, LOFF_STATP[8], LOFF_STATN[8], GPIO[4] · 8 channels × 24 bit, two's complement, MSB first
 *
 * Pure, so it may run in the interrupt handler.
 */
#ifndef ADS1298_H
#define ADS1298_H

#include <stdbool.h>
#include <stdint.h>

#include "ecg_link_payload.h"

#define ADS1298_FRAME_SIZE 27u
#define ADS1298_CHANNELS 8u

/* Picovolts per count: VREF / (2^23 − 1) / gain, rounded; 47684 for 2400 mV and gain 6. */
#define ADS1298_LSB_PV(vref_mv, gain) \
  ((uint32_t)(((uint64_t)(vref_mv)*1000000000u + 8388607u * (uint64_t)(gain) / 2u) / (8388607u * (uint64_t)(gain))))

/* How a board wires the chip. Index n of the electrode tables is channel n + 1 of the chip. */
struct ads1298_wiring {
  uint8_t channel[ADS1298_CHANNELS];   /* output n is the chip's channel `channel[n]` + 1 */
  uint16_t positive[ADS1298_CHANNELS]; /* enum ecg_electrode at INnP; 0 where lead-off detection says nothing */
  uint16_t negative[ADS1298_CHANNELS]; /* at INnN; 0 for Wilson's terminal, whose lead-off bit means nothing */
};

/*
 * Both give I (LA − RA), II (LL − RA), V1 … V6 against Wilson's terminal, and sense RA at the input of lead I.
 * Straight: in this order, channels 1 to 8. ECG-FE, TI's evaluation board: V6 I II V2 V3 V4 V5 V1 (SBAU181B, table 2).
 */
extern const struct ads1298_wiring ads1298_straight_wiring;
extern const struct ads1298_wiring ads1298_ecg_fe_wiring;

struct ads1298_sample {
  int32_t value[ADS1298_CHANNELS]; /* counts, in output order */
  uint16_t electrodes_off;
  bool saturated; /* a channel at either end of its range */
};

/* False where the frame does not begin with 1100: bits have slipped, nothing in it may be used. */
bool ads1298_unpack(const struct ads1298_wiring *wiring, const uint8_t frame[ADS1298_FRAME_SIZE],
                    struct ads1298_sample *sample);

#endif
