/*
 * SMP on a console (Zephyr, "SMP over console"), for a device with a UART beside or instead of ECG Link: lines of 06 09 or
 * 04 14, base64 of [u16 length + 2][message][CRC-16/XMODEM], and 0a. Whatever else comes on the line is ignored.
 */
#ifndef SMP_CONSOLE_H
#define SMP_CONSOLE_H

#include "smp_server.h"

#define SMP_CONSOLE_LINE_MAX 128u
/* Length and CRC, which share the client's idea of a buffer. */
#define SMP_CONSOLE_OVERHEAD 4u

struct smp_console {
  struct smp_server *server;
  uint8_t *frame; /* caller's, the server's buffer_size bytes */
  size_t capacity;
  size_t length;
  uint32_t bad_frames;
  uint8_t marker;    /* the byte before, where it may begin a marker */
  bool in_line;      /* inside an SMP line */
  bool begun;        /* a frame's first line has come */
  uint32_t bits;     /* base64 digits not yet whole bytes */
  uint8_t digits;
  uint8_t answer[SMP_ANSWER_MAX + SMP_CONSOLE_OVERHEAD];
  size_t answer_length, answer_at; /* what has not been made a line yet */
  uint8_t line[SMP_CONSOLE_LINE_MAX];
  size_t line_length, line_at; /* what the carrier has not taken yet */
};

uint16_t smp_crc16(const uint8_t *bytes, size_t length);

void smp_console_init(struct smp_console *console, struct smp_server *server, uint8_t *frame, size_t capacity);
/* Bytes of the line, in pieces of any size. */
void smp_console_receive(struct smp_console *console, const uint8_t *bytes, size_t length);
/* The next bytes to send; `*bytes` stays until smp_console_sent. */
size_t smp_console_pending(struct smp_console *console, const uint8_t **bytes);
void smp_console_sent(struct smp_console *console, size_t length);

#endif
