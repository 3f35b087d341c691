/* What carries SMP's requests and what reads them: CRC, SHA-256, CBOR, lines on a console. */
#include <string.h>

#include "check.h"
#include "smp_cbor_reader.h"
#include "smp_console.h"
#include "smp_sha256.h"

#define TEXT(text) ((const uint8_t *)(text))

static void crc16_is_the_one_of_xmodem(void) {
  CHECK_EQUAL(smp_crc16(TEXT("123456789"), 9), 0x31c3);
  CHECK_EQUAL(smp_crc16(TEXT("Hello, world!\x7a\xde"), 15), 0); /* over data and its CRC nothing is left */
}

static bool hashes_to(const char *text, size_t piece, const char *digest) {
  struct smp_sha256 hash;
  uint8_t actual[SMP_SHA256_SIZE];
  smp_sha256_init(&hash);
  for (size_t at = 0, length = strlen(text); at < length; at += piece)
    smp_sha256_update(&hash, TEXT(text) + at, length - at < piece ? length - at : piece);
  smp_sha256_final(&hash, actual);
  return memcmp(actual, digest, sizeof actual) == 0;
}

/* FIPS 180-2, appendix B; the empty message from NIST's SHA256ShortMsg. */
static void sha256_is_the_one_of_the_standard(void) {
  CHECK(hashes_to("", 1,
                  "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c"
                  "\xa4\x95\x99\x1b\x78\x52\xb8\x55"));
  CHECK(hashes_to("abc", 3,
                  "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c"
                  "\xb4\x10\xff\x61\xf2\x00\x15\xad"));
  static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (size_t piece = 1; piece <= sizeof two_blocks; piece++)
    CHECK(hashes_to(two_blocks, piece,
                    "\x24\x8d\x6a\x61\xd2\x06\x38\xb8\xe5\xc0\x26\x93\x0c\x3e\x60\x39\xa3\x3c\xe4\x59\x64\xff\x21\x67"
                    "\xf6\xec\xed\xd4\x19\xdb\x06\xc1"));
}

/* A request as Zephyr's documentation has it, and around its keys what a reader must step over (RFC 8949, appendix A). */
static void cbor_reader_steps_over_what_it_does_not_know(void) {
  static const uint8_t map[] = {
      0xbf,                                                                     /* indefinite */
      0x61, 'x',  0xa2, 0x01, 0x82, 0x02, 0x03, 0x03, 0x9f, 0x04, 0xff,         /* {1: [2, 3], 3: [_ 4]} */
      0x61, 'y',  0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0,                           /* 1(1363896240) */
      0x61, 'z',  0x5f, 0x42, 0x01, 0x02, 0x43, 0x03, 0x04, 0x05, 0xff,         /* (_ h'0102', h'030405') */
      0x20, 0xf6,                                                               /* -1: null */
      0x63, 'o',  'f',  'f',  0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00, /* 1000000000000 */
      0x67, 'c',  'o',  'n',  'f',  'i',  'r',  'm',  0xf5,                     /* true */
      0x64, 'd',  'a',  't',  'a',  0x44, 0x01, 0x02, 0x03, 0x04,               /* h'01020304' */
      0xff,
  };
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value;
  CHECK(smp_cbor_open(&reader, map, sizeof map));
  for (int skipped = 0; skipped < 4; skipped++) {
    CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_PAIR);
    CHECK_EQUAL(value.kind, SMP_CBOR_OTHER);
  }
  CHECK_EQUAL(key.kind, SMP_CBOR_OTHER);
  CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_PAIR);
  CHECK(smp_cbor_is(&key, "off") && !smp_cbor_is(&key, "of") && !smp_cbor_is(&key, "offs"));
  CHECK_EQUAL(value.number, 1000000000000u);
  CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_PAIR);
  CHECK(value.kind == SMP_CBOR_BOOL && value.number == 1);
  CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_PAIR);
  CHECK_EQUAL(value.length, 4);
  CHECK_BYTES(value.bytes, "\1\2\3\4", 4);
  CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_END);

  for (size_t length = 1; length < sizeof map; length++) { /* cut anywhere it is no map */
    enum smp_cbor_result result = SMP_CBOR_PAIR;
    CHECK(smp_cbor_open(&reader, map, length));
    while (result == SMP_CBOR_PAIR) result = smp_cbor_next(&reader, &key, &value);
    CHECK_EQUAL(result, SMP_CBOR_BAD);
  }
}

static void cbor_reader_refuses_what_is_not_well_formed(void) {
  static const struct {
    uint8_t bytes[8];
    size_t length;
  } bad[] = {
      {{0xa1, 0x61, 'd', 0x7b, 0xff, 0xff, 0xff, 0xff}, 8}, /* a text longer than memory */
      {{0xa1, 0x61, 'd', 0xff}, 4},                         /* a break in a definite map */
      {{0xa1, 0x61, 'd', 0x1c}, 4},                         /* a reserved length */
      {{0xa1, 0x61, 'd', 0x1f}, 4},                         /* an integer of no length */
      {{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8}, /* a head cut short */
  };
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(!smp_cbor_open(&reader, bad[i].bytes, bad[i].length) || smp_cbor_next(&reader, &key, &value) == SMP_CBOR_BAD);
  uint8_t deep[64] = {0xa1, 0x61, 'd'};
  memset(deep + 3, 0x81, sizeof deep - 3); /* arrays in arrays without end */
  CHECK(smp_cbor_open(&reader, deep, sizeof deep));
  CHECK_EQUAL(smp_cbor_next(&reader, &key, &value), SMP_CBOR_BAD);
  CHECK(!smp_cbor_open(&reader, TEXT("\x81\x01"), 2)); /* an array */
  CHECK(!smp_cbor_open(&reader, TEXT(""), 0));
}

static struct smp_server server;
static struct smp_console console;
static uint8_t frame[256];

/* No flash: what these tests ask for touches none. */
static void open_console(void) {
  const struct smp_flash_port none = {.context = NULL};
  smp_server_init(&server, &none, sizeof frame, 2);
  smp_console_init(&console, &server, frame, sizeof frame);
}

/* All that waits to be sent, `most` bytes at a time. */
static size_t sent(char *text, size_t capacity, size_t most) {
  const uint8_t *bytes;
  size_t length = 0, pending;
  while ((pending = smp_console_pending(&console, &bytes)) > 0 && length < capacity) {
    const size_t taken = pending < most ? pending : most;
    memcpy(text + length, bytes, taken);
    length += taken;
    smp_console_sent(&console, taken);
  }
  return length;
}

/* Sent to Zephyr 4.4 by hand; it answers the same map, with an indefinite length. */
#define ECHO_HI "\x06\x09" "ABAKAAAGAAAqAKFhZGJoaQho\n"
#define ECHO_HI_ANSWER "\x06\x09" "ABALAAAGAAAqAKFhcmJoaU83\n"

static void console_takes_the_frame_that_zephyr_takes(void) {
  char text[256];
  for (size_t piece = 1; piece < sizeof ECHO_HI; piece++) {
    open_console();
    for (size_t at = 0; at < sizeof ECHO_HI - 1; at += piece) {
      const size_t left = sizeof ECHO_HI - 1 - at;
      smp_console_receive(&console, TEXT(ECHO_HI) + at, left < piece ? left : piece);
    }
    CHECK_EQUAL(sent(text, sizeof text, piece), sizeof ECHO_HI_ANSWER - 1);
    CHECK_BYTES(text, ECHO_HI_ANSWER, sizeof ECHO_HI_ANSWER - 1);
  }
}

static void console_ignores_what_is_not_smp(void) {
  static const char noise[] = "uart:~$ help\r\n[00:00:00.009] <inf> boot\n" ECHO_HI "\x04\x14" "AAAA\nABAK\n";
  char text[256];
  open_console();
  smp_console_receive(&console, TEXT(noise), sizeof noise - 1);
  CHECK_EQUAL(sent(text, sizeof text, sizeof text), sizeof ECHO_HI_ANSWER - 1);
  CHECK_EQUAL(console.bad_frames, 0);
}

static void console_drops_a_damaged_frame_and_takes_the_next(void) {
  static const char *const damaged[] = {
      "\x06\x09" "ABAKAAAGAAAqAKFiZGJoaQho\n",  /* a changed bit */
      "\x06\x09" "ABAKAAAG!AAqAKFhZGJoaQho\n",  /* no base64 */
      "\x06\x09" "ABAKAAAGAAAqAKFhZGJoaQhoAAAA\n", /* more than its length says */
      "\x06\x09" "AAA=\n",                      /* too short for a CRC */
      "\x06\x09" "ABAKAAAGAAAqAKFh\n",          /* never ended */
  };
  char text[256];
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    open_console();
    smp_console_receive(&console, TEXT(damaged[i]), strlen(damaged[i]));
    CHECK_EQUAL(sent(text, sizeof text, sizeof text), 0);
    smp_console_receive(&console, TEXT(ECHO_HI), sizeof ECHO_HI - 1);
    CHECK_EQUAL(console.bad_frames, 1);
    CHECK_EQUAL(sent(text, sizeof text, sizeof text), sizeof ECHO_HI_ANSWER - 1);
  }
  open_console(); /* a frame longer than the buffer */
  smp_console_receive(&console, TEXT("\x06\x09"), 2);
  for (int i = 0; i < 1000; i++) smp_console_receive(&console, TEXT("AAAA"), 4);
  CHECK_EQUAL(console.bad_frames, 1);
}

void smp_wire_tests(void) {
  RUN(crc16_is_the_one_of_xmodem);
  RUN(sha256_is_the_one_of_the_standard);
  RUN(cbor_reader_steps_over_what_it_does_not_know);
  RUN(cbor_reader_refuses_what_is_not_well_formed);
  RUN(console_takes_the_frame_that_zephyr_takes);
  RUN(console_ignores_what_is_not_smp);
  RUN(console_drops_a_damaged_frame_and_takes_the_next);
}
