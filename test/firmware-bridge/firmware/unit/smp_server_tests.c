/* The SMP server against flash that is as strict as real flash, in memory: what it answers, and what it leaves in the flash. */
#include "smp_server.h"

#include <string.h>

#include "check.h"
#include "ecg_link_cbor.h"
#include "smp_cbor_reader.h"

enum { SLOT = 8192, SECTOR = 512, BUFFER = 512, BODY = 700, IMAGE_LENGTH = SMP_IMAGE_HEADER_SIZE + BODY + 4 + 4 + 32 };
enum { READ = 0, WRITE = 2, V1 = 0, V2 = 1 << 3 };
enum { OS = 0, IMAGE = 1, ECHO = 0, RESET = 5, PARAMETERS = 6, STATE = 0, UPLOAD = 1, ERASE = 5, SLOT_INFO = 6 };
enum { NONE = -1 };

static uint8_t flash[2][SLOT];
static uint8_t slot_that_runs;
static bool breaks; /* the flash takes nothing any more */
static int writes_left; /* until the power is cut; NONE: it stays */

static uint8_t running(void *context) {
  (void)context;
  return slot_that_runs;
}

static uint32_t slot_size(void *context, uint8_t slot) {
  (void)context;
  (void)slot;
  return SLOT;
}

static bool read(void *context, uint8_t slot, uint32_t offset, uint8_t *bytes, size_t length) {
  (void)context;
  memcpy(bytes, flash[slot] + offset, length);
  return true;
}

static bool write(void *context, uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t length) {
  (void)context;
  if (breaks || offset % SMP_WRITE_SIZE != 0 || length % SMP_WRITE_SIZE != 0) return false;
  for (size_t i = 0; i < length; i++) {
    if (flash[slot][offset + i] != 0xff) return false;
  }
  for (size_t done = 0; done < length; done += SMP_WRITE_SIZE) {
    if (writes_left == 0) return false;
    if (writes_left > 0) writes_left--;
    memcpy(flash[slot] + offset + done, bytes + done, SMP_WRITE_SIZE);
  }
  return true;
}

static bool erase(void *context, uint8_t slot, uint32_t offset) {
  (void)context;
  if (breaks) return false;
  memset(flash[slot] + offset, 0xff, SECTOR);
  return true;
}

static void reset(void *context) {
  (void)context;
}

static const struct smp_flash_port port = {NULL, SECTOR, false, running, slot_size, read, write, erase, reset};
static struct smp_server server;

/* An image as imgtool makes it, unsigned, and its two hashes: the one inside, and the file's. */
struct image {
  uint8_t bytes[IMAGE_LENGTH];
  uint8_t hash[SMP_SHA256_SIZE];
  uint8_t sha[SMP_SHA256_SIZE];
};

static void digest(const uint8_t *bytes, size_t length, uint8_t *hash) {
  struct smp_sha256 running_hash;
  smp_sha256_init(&running_hash);
  smp_sha256_update(&running_hash, bytes, length);
  smp_sha256_final(&running_hash, hash);
}

static void make_image(struct image *image, uint8_t minor) {
  static const uint8_t header[] = {0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, SMP_IMAGE_HEADER_SIZE, 0, 0, 0, BODY & 255, BODY >> 8};
  static const uint8_t records[] = {0x07, 0x69, 40, 0, 0x10, 0, SMP_SHA256_SIZE, 0};
  const size_t hashed = SMP_IMAGE_HEADER_SIZE + BODY;
  memset(image, 0, sizeof *image);
  memcpy(image->bytes, header, sizeof header);
  image->bytes[20] = 1;
  image->bytes[21] = minor;
  for (size_t i = 0; i < BODY; i++) image->bytes[SMP_IMAGE_HEADER_SIZE + i] = (uint8_t)(i * 7u + minor);
  digest(image->bytes, hashed, image->hash);
  memcpy(image->bytes + hashed, records, sizeof records);
  memcpy(image->bytes + hashed + sizeof records, image->hash, sizeof image->hash);
  digest(image->bytes, sizeof image->bytes, image->sha);
}

static struct image old, update;

/* 1.1.0 runs from slot 0, confirmed; slot 1 is erased. */
static void leave_factory(void) {
  make_image(&old, 1);
  make_image(&update, 2);
  memset(flash, 0xff, sizeof flash);
  memcpy(flash[0], old.bytes, sizeof old.bytes);
  slot_that_runs = 0;
  breaks = false;
  writes_left = NONE;
  smp_server_init(&server, &port, BUFFER, 4);
}

static uint8_t answer[SMP_ANSWER_MAX];
static size_t answer_length;
static uint8_t body[BUFFER];
static struct ecg_cbor fields;

static struct ecg_cbor *begin(size_t pairs) {
  fields = (struct ecg_cbor){.bytes = body, .capacity = sizeof body};
  ecg_cbor_map(&fields, pairs);
  return &fields;
}

/* Sends what was begun. */
static void ask(unsigned operation, unsigned version, unsigned group, unsigned command) {
  uint8_t request[SMP_HEADER_SIZE + BUFFER] = {(uint8_t)(version | operation), 0, (uint8_t)(fields.length >> 8),
                                               (uint8_t)fields.length, 0, (uint8_t)group, 0x42, (uint8_t)command};
  memcpy(request + SMP_HEADER_SIZE, body, fields.length);
  smp_server_receive(&server, request, SMP_HEADER_SIZE + fields.length);
  answer_length = smp_server_answer(&server, answer, sizeof answer);
}

/* A number or a boolean of the answer; NONE where it has none. */
static int64_t told(const char *name) {
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value;
  if (answer_length < SMP_HEADER_SIZE) return NONE;
  if (!smp_cbor_open(&reader, answer + SMP_HEADER_SIZE, answer_length - SMP_HEADER_SIZE)) return NONE;
  while (smp_cbor_next(&reader, &key, &value) == SMP_CBOR_PAIR) {
    if (smp_cbor_is(&key, name)) return (int64_t)value.number;
  }
  return NONE;
}

/* {"err": {"group": 1, "rc": result}} */
static bool refused(enum smp_image_result result) {
  uint8_t expected[32];
  struct ecg_cbor cbor = {.bytes = expected, .capacity = sizeof expected};
  ecg_cbor_map(&cbor, 1);
  ecg_cbor_text(&cbor, "err");
  ecg_cbor_map(&cbor, 2);
  ecg_cbor_text(&cbor, "group");
  ecg_cbor_unsigned(&cbor, IMAGE);
  ecg_cbor_text(&cbor, "rc");
  ecg_cbor_unsigned(&cbor, result);
  return answer_length == SMP_HEADER_SIZE + cbor.length && memcmp(answer + SMP_HEADER_SIZE, expected, cbor.length) == 0;
}

static void send_part(const struct image *image, uint32_t offset, size_t length) {
  struct ecg_cbor *cbor = begin(offset == 0 ? 4 : 2);
  ecg_cbor_text(cbor, "off");
  ecg_cbor_unsigned(cbor, offset);
  if (offset == 0) {
    ecg_cbor_text(cbor, "len");
    ecg_cbor_unsigned(cbor, sizeof image->bytes);
    ecg_cbor_text(cbor, "sha");
    ecg_cbor_bytes(cbor, image->sha, sizeof image->sha);
  }
  ecg_cbor_text(cbor, "data");
  ecg_cbor_bytes(cbor, image->bytes + offset, length);
  ask(WRITE, V2, IMAGE, UPLOAD);
}

/* In parts whose ends fall on no write's end. */
static void upload(const struct image *image) {
  enum { PART = 101 };
  for (uint32_t offset = 0; offset < sizeof image->bytes; offset += PART)
    send_part(image, offset, sizeof image->bytes - offset < PART ? sizeof image->bytes - offset : PART);
}

static void set_state(const struct image *image, bool confirm) {
  struct ecg_cbor *cbor = begin(image == NULL ? 1 : 2);
  if (image != NULL) {
    ecg_cbor_text(cbor, "hash");
    ecg_cbor_bytes(cbor, image->hash, sizeof image->hash);
  }
  ecg_cbor_text(cbor, "confirm");
  ecg_cbor_bool(cbor, confirm);
  ask(WRITE, V2, IMAGE, STATE);
}

/* smpclient 7.3.0, tests/binary_regressions: the requests it sends; Zephyr's answer has an indefinite length. */
static void echo_answers_the_bytes_of_an_independent_client(void) {
  static const uint8_t request[] = "\x0a\0\0\x10\0\0\x8b\0\xa1" "adlHello world!";
  static const uint8_t expected[] = "\x0b\0\0\x10\0\0\x8b\0\xa1" "arlHello world!";
  leave_factory();
  smp_server_receive(&server, request, sizeof request - 1);
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), sizeof expected - 1);
  CHECK_BYTES(answer, expected, sizeof expected - 1);
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), 0);
}

static void reset_is_answered_before_it_is_done(void) {
  static const uint8_t request[] = "\x0a\0\0\x01\0\0\x8d\x05\xa0";
  leave_factory();
  smp_server_receive(&server, request, sizeof request - 1);
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), 9);
  CHECK_BYTES(answer, "\x0b\0\0\x01\0\0\x8d\x05\xa0", 9);
  CHECK(server.reset_due);
}

static void parameters_tell_the_buffers(void) {
  leave_factory();
  begin(0);
  ask(READ, V2, OS, PARAMETERS);
  CHECK_EQUAL(told("buf_size"), BUFFER);
  CHECK_EQUAL(told("buf_count"), 4);
  CHECK_EQUAL(answer[0], 0x09);
  CHECK_EQUAL(answer[6], 0x42);
}

static void slot_info_tells_how_long_an_image_may_be(void) {
  static const uint8_t expected[] = "\xa1\x66images\x81\xa2\x65image\x00\x65slots\x82"
                                    "\xa2\x64slot\x00\x64size\x19\x20\x00" /* 8192 */
                                    "\xa2\x64slot\x01\x64size\x19\x20\x00";
  leave_factory();
  begin(0);
  ask(READ, V2, IMAGE, SLOT_INFO);
  CHECK_EQUAL(answer_length, SMP_HEADER_SIZE + sizeof expected - 1);
  CHECK_BYTES(answer + SMP_HEADER_SIZE, expected, sizeof expected - 1);
}

/* Zephyr, mgmt_defines.h: MGMT_ERR_ENOTSUP 8, EINVAL 3, UNSUPPORTED_TOO_NEW 13. */
static void what_it_does_not_know_is_refused_in_the_version_of_the_request(void) {
  leave_factory();
  begin(0);
  ask(READ, V2, OS, 2);
  CHECK_EQUAL(told("rc"), 8);
  ask(READ, V2, 63, 0);
  CHECK_EQUAL(told("rc"), 8);
  ask(READ, V2, OS, RESET); /* a read that resets nothing */
  CHECK_EQUAL(told("rc"), 8);
  CHECK(!server.reset_due);
  ask(READ, 2 << 3, OS, PARAMETERS);
  CHECK_EQUAL(told("rc"), 13);
  ask(WRITE, V2, OS, ECHO);
  CHECK_EQUAL(told("rc"), 3);
  set_state(NULL, false);
  CHECK(refused(SMP_IMAGE_BAD_HASH));
  ask(WRITE, V1, IMAGE, STATE); /* the same request; version 1 knows no results of groups */
  CHECK_EQUAL(told("rc"), 1);
  CHECK_EQUAL(answer[0], 0x03);
}

static void requests_that_are_none_or_find_no_room_are_dropped_and_counted(void) {
  static const uint8_t cut[] = "\x0a\0\0\x10\0\0\x8b\0\xa1" "adl";
  static const uint8_t reply[] = "\x0b\0\0\x01\0\0\x8d\x05\xa0";
  leave_factory();
  smp_server_receive(&server, cut, sizeof cut - 1);
  smp_server_receive(&server, cut, 3);
  smp_server_receive(&server, cut, 0);
  smp_server_receive(&server, reply, sizeof reply - 1);
  CHECK_EQUAL(server.dropped, 4);
  uint8_t whole[8 + 6 + 400] = {0x0a, 0, 1, 0x96, 0, 0, 0, 0, 0xa1, 0x61, 'd', 0x79, 1, 0x90}; /* 400 characters */
  memset(whole + 14, 'x', 400);
  for (int i = 0; i < 3; i++) smp_server_receive(&server, whole, sizeof whole);
  CHECK_EQUAL(server.dropped, 5); /* two longest answers have room */
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), sizeof whole);
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), sizeof whole);
  CHECK_EQUAL(smp_server_answer(&server, answer, sizeof answer), 0);
}

static void an_answer_that_would_be_too_long_is_one_that_says_so(void) {
  uint8_t request[8 + 6 + 440] = {0x0a, 0, 1, 0xbe, 0, 0, 0, 0, 0xa1, 0x61, 'd', 0x79, 1, 0xb8};
  leave_factory();
  memset(request + 14, 'x', 440);
  smp_server_receive(&server, request, sizeof request);
  answer_length = smp_server_answer(&server, answer, sizeof answer);
  CHECK_EQUAL(told("rc"), 7); /* MGMT_ERR_EMSGSIZE */
}

/* ECG Link over BLE, MTU 247: 244 bytes of packet less 16 around the payload. */
static void two_images_are_listed_in_a_packet_of_ble(void) {
  enum { BLE_PAYLOAD = 228 };
  leave_factory();
  upload(&update);
  set_state(&update, true);
  begin(0);
  ask(READ, V2, IMAGE, STATE);
  CHECK(answer_length > BLE_PAYLOAD);
  smp_server_limit_answers(&server, BLE_PAYLOAD);
  ask(READ, V2, IMAGE, STATE);
  CHECK(answer_length <= BLE_PAYLOAD);
  CHECK_EQUAL(told("rc"), NONE);
  CHECK(told("images") != NONE);
}

static void an_image_arrives_byte_for_byte_and_is_told_to_match(void) {
  leave_factory();
  upload(&update);
  CHECK_EQUAL(told("off"), IMAGE_LENGTH);
  CHECK_EQUAL(told("match"), 1);
  CHECK_BYTES(flash[1], update.bytes, IMAGE_LENGTH);
  send_part(&update, 0, 100); /* its last answer was lost, and the host asks again */
  CHECK_EQUAL(told("off"), IMAGE_LENGTH);
  CHECK_EQUAL(told("match"), 1);
  CHECK_BYTES(flash[1], update.bytes, IMAGE_LENGTH);
}

static void parts_out_of_turn_change_nothing_and_are_answered_with_the_truth(void) {
  leave_factory();
  send_part(&update, 300, 100); /* nothing has begun */
  CHECK_EQUAL(told("off"), 0);
  send_part(&update, 0, 100);
  CHECK_EQUAL(told("off"), 100);
  send_part(&update, 200, 100); /* the one before was lost */
  CHECK_EQUAL(told("off"), 100);
  send_part(&update, 100, 150);
  CHECK_EQUAL(told("off"), 250);
  send_part(&update, 100, 150); /* repeated */
  CHECK_EQUAL(told("off"), 250);
  send_part(&update, 0, 100); /* another host goes on with the same image */
  CHECK_EQUAL(told("off"), 250);
  send_part(&old, 0, 100); /* … or with another image */
  CHECK_EQUAL(told("off"), 100);
}

static void nothing_half_written_looks_whole(void) {
  leave_factory();
  upload(&update);
  set_state(&update, false);
  send_part(&old, 0, 100);
  struct smp_trailer trailer;
  CHECK(smp_trailer_read(&port, 1, &trailer));
  CHECK(trailer.blank && !trailer.magic);
  CHECK_EQUAL(flash[1][SLOT - 1], 0xff);
}

/* Two builds of one program have one size: the hash of the one must not be found behind the beginning of the other. */
static void an_upload_cut_short_over_an_image_of_its_size_is_no_image(void) {
  struct smp_image image;
  leave_factory();
  upload(&update);
  struct image other;
  make_image(&other, 3);
  send_part(&other, 0, 100);
  CHECK(!smp_image_read(&port, 1, &image));
  set_state(&update, false);
  CHECK(refused(SMP_IMAGE_NO_SUCH_HASH));
  smp_server_init(&server, &port, BUFFER, 4); /* after a reset it can be sent again */
  upload(&update);
  CHECK_EQUAL(told("match"), 1);
  CHECK_BYTES(flash[1], update.bytes, IMAGE_LENGTH);
}

static void what_cannot_boot_is_refused_with_the_reason(void) {
  struct image bad;
  leave_factory();
  make_image(&bad, 2);
  bad.bytes[0] ^= 1;
  send_part(&bad, 0, 100);
  CHECK(refused(SMP_IMAGE_BAD_MAGIC));
  send_part(&update, 0, 31);
  CHECK(refused(SMP_IMAGE_BAD_HEADER));
  struct ecg_cbor *cbor = begin(3);
  ecg_cbor_text(cbor, "off");
  ecg_cbor_unsigned(cbor, 0);
  ecg_cbor_text(cbor, "len");
  ecg_cbor_unsigned(cbor, SLOT - smp_trailer_size() + 1u);
  ecg_cbor_text(cbor, "data");
  ecg_cbor_bytes(cbor, update.bytes, 100);
  ask(WRITE, V2, IMAGE, UPLOAD);
  CHECK(refused(SMP_IMAGE_TOO_LARGE));
  for (size_t i = 0; i < SLOT; i++) CHECK_EQUAL(flash[1][i], 0xff);

  make_image(&bad, 2);
  bad.sha[0] ^= 1;
  upload(&bad);
  CHECK_EQUAL(told("match"), 0);
  send_part(&bad, 0, 100);
  CHECK_EQUAL(told("off"), 100); /* anew */
}

/* The last 32 bytes are what `imgtool sign --pad` writes: copy done, image ok, magic (MCUboot, docs/design.md). */
static void a_test_asks_the_bootloader_once_and_a_confirmation_for_good(void) {
  static const uint8_t pending[40] = {2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x77, 0xc2, 0x95, 0xf3,
                                      0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80};
  leave_factory();
  upload(&update);
  set_state(&update, false);
  CHECK_BYTES(flash[1] + SLOT - 40, pending, sizeof pending);
  set_state(&update, false); /* asked again it stays */
  CHECK_BYTES(flash[1] + SLOT - 40, pending, sizeof pending);
  set_state(&update, true);
  CHECK_EQUAL(flash[1][SLOT - 24], 1);
  set_state(&old, false);
  CHECK(refused(SMP_IMAGE_TEST_OF_ACTIVE));
  update.hash[0] ^= 1;
  set_state(&update, false);
  CHECK(refused(SMP_IMAGE_NO_SUCH_HASH));
}

/* Once the bootloader runs it, on trial. */
static void while_an_image_is_on_trial_what_it_returns_to_is_safe(void) {
  leave_factory();
  upload(&update);
  set_state(&update, false);
  CHECK(smp_trailer_write_copy_done(&port, 1));
  slot_that_runs = 1;
  send_part(&old, 0, 100);
  CHECK(refused(SMP_IMAGE_NO_FREE_SLOT));
  begin(0);
  ask(WRITE, V2, IMAGE, ERASE);
  CHECK(refused(SMP_IMAGE_NO_FREE_SLOT));
  CHECK_BYTES(flash[0], old.bytes, IMAGE_LENGTH);
  set_state(NULL, true);
  CHECK_EQUAL(flash[1][SLOT - 24], 1);
  begin(0);
  ask(WRITE, V2, IMAGE, ERASE);
  CHECK_BYTES(answer + SMP_HEADER_SIZE, "\xa0", 1);
  for (size_t i = 0; i < SLOT; i++) CHECK_EQUAL(flash[0][i], 0xff);
}

static void the_slot_that_runs_is_never_erased(void) {
  leave_factory();
  ecg_cbor_text(begin(1), "slot");
  ecg_cbor_unsigned(&fields, 0);
  ask(WRITE, V2, IMAGE, ERASE);
  CHECK(refused(SMP_IMAGE_BAD_SLOT));
  CHECK_BYTES(flash[0], old.bytes, IMAGE_LENGTH);
}

static void flash_that_fails_is_told_and_the_upload_begins_anew(void) {
  leave_factory();
  send_part(&update, 0, 100);
  breaks = true;
  send_part(&update, 100, 100);
  CHECK(refused(SMP_IMAGE_WRITE_FAILED));
  send_part(&update, 0, 100);
  CHECK(refused(SMP_IMAGE_ERASE_FAILED));
  breaks = false;
  upload(&update);
  CHECK_EQUAL(told("match"), 1);
  breaks = true;
  set_state(&update, false);
  CHECK(refused(SMP_IMAGE_WRITE_FAILED));
}

/* Each write of a trailer may be the last before the power is cut: the image is asked for, or can be uploaded again. */
static void a_trailer_cut_short_is_never_taken_for_another(void) {
  enum { WRITES = 3 }; /* the magic's two, swap info */
  for (int cut = 0; cut <= WRITES; cut++) {
    leave_factory();
    upload(&update);
    writes_left = cut;
    set_state(&update, false);
    writes_left = NONE;
    struct smp_trailer trailer;
    CHECK(smp_trailer_read(&port, 1, &trailer));
    CHECK_EQUAL(trailer.magic, cut >= 2);
    CHECK_EQUAL(trailer.blank, cut == 0);
    CHECK(!trailer.image_ok && !trailer.copy_done);
    smp_server_init(&server, &port, BUFFER, 4); /* the power is back */
    set_state(&update, false);
    CHECK_EQUAL(refused(SMP_IMAGE_NO_SUCH_HASH), cut == 1); /* not listed, so a client sends it again */
    upload(&update);
    set_state(&update, false);
    CHECK(smp_trailer_read(&port, 1, &trailer));
    CHECK(trailer.magic);
    CHECK_BYTES(flash[1], update.bytes, IMAGE_LENGTH);
  }
}

static void an_image_whose_trailer_flash_did_not_take_can_be_sent_again_without_a_reset(void) {
  leave_factory();
  upload(&update);
  writes_left = 1;
  set_state(&update, false);
  CHECK(refused(SMP_IMAGE_WRITE_FAILED));
  writes_left = NONE;
  upload(&update);
  CHECK_EQUAL(told("match"), 1);
  set_state(&update, false);
  CHECK(told("images") != NONE);
}

void smp_server_tests(void) {
  RUN(echo_answers_the_bytes_of_an_independent_client);
  RUN(reset_is_answered_before_it_is_done);
  RUN(parameters_tell_the_buffers);
  RUN(slot_info_tells_how_long_an_image_may_be);
  RUN(what_it_does_not_know_is_refused_in_the_version_of_the_request);
  RUN(requests_that_are_none_or_find_no_room_are_dropped_and_counted);
  RUN(an_answer_that_would_be_too_long_is_one_that_says_so);
  RUN(two_images_are_listed_in_a_packet_of_ble);
  RUN(an_image_arrives_byte_for_byte_and_is_told_to_match);
  RUN(parts_out_of_turn_change_nothing_and_are_answered_with_the_truth);
  RUN(nothing_half_written_looks_whole);
  RUN(an_upload_cut_short_over_an_image_of_its_size_is_no_image);
  RUN(what_cannot_boot_is_refused_with_the_reason);
  RUN(a_test_asks_the_bootloader_once_and_a_confirmation_for_good);
  RUN(while_an_image_is_on_trial_what_it_returns_to_is_safe);
  RUN(the_slot_that_runs_is_never_erased);
  RUN(flash_that_fails_is_told_and_the_upload_begins_anew);
  RUN(a_trailer_cut_short_is_never_taken_for_another);
  RUN(an_image_whose_trailer_flash_did_not_take_can_be_sent_again_without_a_reset);
}
