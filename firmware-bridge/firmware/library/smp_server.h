/*
 * Firmware update by SMP, the protocol of Zephyr's mcumgr: echo, reset and parameters (os group); state, upload, erase and
 * slot info (image group). Takes whole requests from whatever carries them, ECG Link packets of type 0x50 or a console, and
 * keeps its answers until they are fetched. Nothing is allocated and nothing waits but for the flash. Main loop only.
 */
#ifndef SMP_SERVER_H
#define SMP_SERVER_H

#include "smp_upload.h"

#define SMP_HEADER_SIZE 8u
/* Room for answers that wait for the carrier; a request that finds less than one longest answer free is dropped. */
#define SMP_ANSWERS_SIZE 1024u
#define SMP_ANSWER_MAX 448u

struct smp_server {
  struct smp_flash_port flash;
  uint16_t buffer_size;  /* what a client may count on: bytes of a request, with length and CRC on a console */
  uint8_t buffer_count;  /* and how many requests may be under way at once */
  size_t answer_max;     /* bytes of the longest answer */
  bool reset_due;        /* a reset was asked for and answered */
  uint32_t dropped;      /* requests that found no room for their answer, or were none */
  struct smp_upload upload;
  size_t answers_length; /* u16 length and answer, one behind the other */
  uint8_t answers[SMP_ANSWERS_SIZE];
};

void smp_server_init(struct smp_server *server, const struct smp_flash_port *flash, uint16_t buffer_size,
                     uint8_t buffer_count);

/* For a carrier that takes less than SMP_ANSWER_MAX at once: what is longer is told briefly, or answered as too long. */
void smp_server_limit_answers(struct smp_server *server, size_t longest);

/* Exactly one request. */
void smp_server_receive(struct smp_server *server, const uint8_t *request, size_t length);

/* Moves the oldest answer to `answer` and returns its length; 0: there is none. Drops one longer than `capacity`. */
size_t smp_server_answer(struct smp_server *server, uint8_t *answer, size_t capacity);

#endif
