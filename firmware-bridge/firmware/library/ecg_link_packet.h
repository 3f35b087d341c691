/*
 * ECG Link packets: header, CRC-32 and COBS framing, on buffers of the caller. No state but the framer's.
 *
 *   0 version · 1 type · 2 sequence u16 · 4 clock u64, µs · 12 payload · 12+n CRC-32 over all before; little-endian
 */
#ifndef ECG_LINK_PACKET_H
#define ECG_LINK_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECG_LINK_VERSION 1u
#define ECG_HEADER_SIZE 12u
#define ECG_CRC_SIZE 4u
#define ECG_PACKET_MIN (ECG_HEADER_SIZE + ECG_CRC_SIZE)
#define ECG_PACKET_MAX 1024u
/* COBS puts at most one byte before each 254, and 00 behind all. */
#define ECG_COBS_HEADROOM ((ECG_PACKET_MAX + 253u) / 254u)
#define ECG_FRAME_MAX (ECG_COBS_HEADROOM + ECG_PACKET_MAX + 1u)

enum ecg_packet_type {
  ECG_HELLO = 0x01,
  ECG_HELLO_REQ = 0x02,
  ECG_START = 0x03,
  ECG_STOP = 0x04,
  ECG_ACK = 0x05,
  ECG_SAMPLES = 0x10,
  ECG_RESEND = 0x11,
  ECG_LOST = 0x12,
  ECG_TIME_REQ = 0x20,
  ECG_TIME_RSP = 0x21,
  ECG_STATUS = 0x30,
  ECG_EVENT = 0x31,
  ECG_SMP = 0x50
};

struct ecg_packet {
  uint8_t type; /* any value: the reader decides which it knows */
  uint16_t sequence;
  uint64_t clock_us;
  const uint8_t *payload; /* inside the parsed bytes */
  size_t payload_length;
};

/* In the order in which they are tested. */
enum ecg_packet_fault {
  ECG_PACKET_OK,
  ECG_PACKET_TOO_LONG,
  ECG_PACKET_TOO_SHORT,
  ECG_PACKET_BAD_CRC,
  ECG_PACKET_BAD_VERSION
};

/* CRC-32/ISO-HDLC (zlib's); "123456789" gives 0xcbf43926. */
uint32_t ecg_crc32(const uint8_t *bytes, size_t length);

/* Writes header and CRC around the payload at packet + ECG_HEADER_SIZE. Returns the packet's length. */
size_t ecg_packet_seal(uint8_t *packet, uint8_t type, uint16_t sequence, uint64_t clock_us, size_t payload_length);

/* `parsed` is written when the result is ECG_PACKET_OK. */
enum ecg_packet_fault ecg_packet_parse(const uint8_t *bytes, size_t length, struct ecg_packet *parsed);

/*
 * Encodes the packet of `length` bytes (≤ ECG_PACKET_MAX) at frame + ECG_COBS_HEADROOM to frame[0…] and closes it with
 * 00; `frame` holds ECG_FRAME_MAX bytes. Returns the frame's length. In place, because a second buffer costs 1 KiB; the
 * headroom is all that the encoder can gain on what it reads.
 */
size_t ecg_cobs_encode(uint8_t *frame, size_t length);

/* Undoes COBS byte by byte. After a bad frame it is in step again at the next 00. */
struct ecg_framer {
  uint8_t *packet; /* caller's, `capacity` bytes; holds the packet until the next byte is pushed */
  size_t capacity;
  size_t length;
  uint8_t left;  /* bytes still to come in this block; 0: a code byte is next */
  bool zero_due; /* the block before this one stood for a 00 */
  bool begun;
  bool bad;
};

enum ecg_framer_result { ECG_FRAMER_MORE, ECG_FRAMER_PACKET, ECG_FRAMER_BAD };

void ecg_framer_init(struct ecg_framer *framer, uint8_t *packet, size_t capacity);

/* ECG_FRAMER_PACKET: packet[0…length) is a frame's content, its CRC not yet tested. */
enum ecg_framer_result ecg_framer_push(struct ecg_framer *framer, uint8_t byte);

#endif
