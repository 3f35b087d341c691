/* Flash in a file of the computer, whose name is the emulator's first semihosting argument; it outlasts resets and power cuts. */
#ifndef HOST_FLASH_H
#define HOST_FLASH_H

#include "emulated_flash.h"
#include "smp_server.h"

/* What a client may send in one message, and how many of them the UART's buffer holds with room to spare. */
enum { UPDATE_BUFFER = 1008, UPDATE_BUFFERS = 5 };

/* False where there is no such file. */
bool host_flash_open(struct emulated_flash *flash);

/* Makes the server of firmware updates; false where no bootloader has started this firmware. */
bool host_flash_serve(struct smp_server *server);

#endif
