/* Flash in a file, and what a bootloader does with it, as a program. Both end the program with a sentence when they cannot. */
#ifndef FILE_FLASH_H
#define FILE_FLASH_H

#include "smp_server.h"

/* What a client may send in one message, on a console with its length and CRC, and how many may be under way. */
enum { UPDATE_BUFFER = 1008, UPDATE_BUFFERS = 5 };

void file_flash_open(const char *path);

/* Chooses the image to run, and makes the server that updates the other slot; `version`: of the image. */
void file_flash_boot(struct smp_server *server, void (*reset)(void), char version[SMP_VERSION_TEXT_MAX]);

#endif
