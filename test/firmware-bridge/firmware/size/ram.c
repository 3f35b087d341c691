/* Compiled, never run: the sizes of these objects are what `make size` prints. */
#include "ecg_device.h"

struct ecg_device one_device;
struct ecg_ring of_which_the_ring;
uint8_t history_for_two_seconds_of_8x24_bit_at_500_hz[1000 * 31];
