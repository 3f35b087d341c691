/* Between the two halves of the device: nothing for users. */
#ifndef ECG_DEVICE_SEND_H
#define ECG_DEVICE_SEND_H

#include "ecg_device.h"

bool ecg_device_hello_fits(struct ecg_device *device);

#endif
