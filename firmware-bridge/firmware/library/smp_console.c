#include "smp_console.h"

#include <string.h>

enum { FIRST_1 = 0x06, FIRST_2 = 0x09, NEXT_1 = 0x04, NEXT_2 = 0x14, LINE_FEED = 0x0a };
enum { LENGTH_SIZE = 2, CRC_SIZE = 2 };
/* 124 digits: with marker and line feed 127 characters. */
enum { LINE_BYTES = 93 };

uint16_t smp_crc16(const uint8_t *bytes, size_t length) {
  uint16_t crc = 0;
  for (size_t i = 0; i < length; i++) {
    crc = (uint16_t)(crc ^ bytes[i] << 8);
    for (unsigned bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000u ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

void smp_console_init(struct smp_console *console, struct smp_server *server, uint8_t *frame, size_t capacity) {
  memset(console, 0, sizeof *console);
  console->server = server;
  console->frame = frame;
  console->capacity = capacity;
}

static void drop(struct smp_console *console) {
  if (console->begun) console->bad_frames++;
  console->begun = false;
  console->in_line = false;
}

static int digit(uint8_t character) {
  if (character >= 'A' && character <= 'Z') return character - 'A';
  if (character >= 'a' && character <= 'z') return character - 'a' + 26;
  if (character >= '0' && character <= '9') return character - '0' + 52;
  return character == '+' ? 62 : character == '/' ? 63 : -1;
}

static void take_digit(struct smp_console *console, uint8_t character) {
  const int value = digit(character);
  if (character == '=') return; /* the bits before it that fill no byte are forgotten at the line's end */
  if (value < 0 || console->length == console->capacity) {
    drop(console);
    return;
  }
  console->bits = console->bits << 6 | (uint32_t)value;
  if (console->digits++ == 0) return;
  const unsigned over = 2u * (4u - console->digits); /* bits of the next byte: 4, 2, 0 */
  console->frame[console->length++] = (uint8_t)(console->bits >> over);
  if (console->digits == 4) console->digits = 0;
}

static void end_line(struct smp_console *console) {
  console->in_line = false;
  console->digits = 0;
  if (!console->begun || console->length < LENGTH_SIZE) return;
  const size_t body = (size_t)console->frame[0] << 8 | console->frame[1];
  if (console->length < LENGTH_SIZE + body) return; /* more lines follow */
  if (console->length > LENGTH_SIZE + body || body < CRC_SIZE || smp_crc16(console->frame + LENGTH_SIZE, body) != 0) {
    drop(console);
    return;
  }
  console->begun = false;
  smp_server_receive(console->server, console->frame + LENGTH_SIZE, body - CRC_SIZE);
}

static void begin_line(struct smp_console *console, bool first) {
  if (first) {
    drop(console); /* the one before never ended */
    console->begun = true;
    console->length = 0;
  }
  console->in_line = console->begun;
  console->digits = 0;
}

void smp_console_receive(struct smp_console *console, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    const uint8_t byte = bytes[i];
    const uint8_t before = console->marker;
    console->marker = byte;
    if (before == FIRST_1 && byte == FIRST_2) {
      begin_line(console, true);
    } else if (before == NEXT_1 && byte == NEXT_2) {
      begin_line(console, false);
    } else if (byte == LINE_FEED) {
      if (console->in_line) end_line(console);
    } else if (console->in_line && byte != '\r' && byte != FIRST_1 && byte != NEXT_1) {
      take_digit(console, byte);
    }
  }
}

static bool fetch_answer(struct smp_console *console) {
  uint8_t *message = console->answer + LENGTH_SIZE;
  const size_t length = smp_server_answer(console->server, message, SMP_ANSWER_MAX);
  if (length == 0) return false;
  const uint16_t crc = smp_crc16(message, length);
  console->answer[0] = (uint8_t)((length + CRC_SIZE) >> 8);
  console->answer[1] = (uint8_t)(length + CRC_SIZE);
  message[length] = (uint8_t)(crc >> 8);
  message[length + 1] = (uint8_t)crc;
  console->answer_length = LENGTH_SIZE + length + CRC_SIZE;
  console->answer_at = 0;
  return true;
}

static void make_line(struct smp_console *console) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t left = console->answer_length - console->answer_at;
  const size_t length = left < LINE_BYTES ? left : LINE_BYTES;
  const uint8_t *from = console->answer + console->answer_at;
  uint8_t *to = console->line;
  *to++ = console->answer_at == 0 ? FIRST_1 : NEXT_1;
  *to++ = console->answer_at == 0 ? FIRST_2 : NEXT_2;
  for (size_t i = 0; i < length; i += 3) {
    const size_t held = length - i;
    const uint32_t bits = (uint32_t)from[i] << 16 | (held > 1 ? (uint32_t)from[i + 1] << 8 : 0) | (held > 2 ? from[i + 2] : 0u);
    *to++ = (uint8_t)digits[bits >> 18];
    *to++ = (uint8_t)digits[bits >> 12 & 63u];
    *to++ = held > 1 ? (uint8_t)digits[bits >> 6 & 63u] : '=';
    *to++ = held > 2 ? (uint8_t)digits[bits & 63u] : '=';
  }
  *to++ = LINE_FEED;
  console->answer_at += length;
  console->line_length = (size_t)(to - console->line);
  console->line_at = 0;
}

size_t smp_console_pending(struct smp_console *console, const uint8_t **bytes) {
  if (console->line_at == console->line_length) {
    if (console->answer_at == console->answer_length && !fetch_answer(console)) return 0;
    make_line(console);
  }
  *bytes = console->line + console->line_at;
  return console->line_length - console->line_at;
}

void smp_console_sent(struct smp_console *console, size_t length) {
  console->line_at += length;
}
