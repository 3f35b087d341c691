#include "smp_server.h"

#include <string.h>

#include "ecg_link_cbor.h"
#include "smp_cbor_reader.h"

/* Zephyr, "SMP protocol specification" and mgmt_defines.h. */
enum { OP_READ = 0, OP_WRITE = 2, OP_MASK = 7, VERSION_SHIFT = 3, VERSION_MASK = 3 };
enum { GROUP_OS = 0, GROUP_IMAGE = 1 };
enum { OS_ECHO = 0, OS_RESET = 5, OS_PARAMETERS = 6 };
enum { IMAGE_STATE = 0, IMAGE_UPLOAD = 1, IMAGE_ERASE = 5, IMAGE_SLOT_INFO = 6 };
enum { RC_UNKNOWN = 1, RC_INVALID = 3, RC_TOO_LONG = 7, RC_UNSUPPORTED = 8, RC_TOO_NEW = 13 };
enum { SLOTS = 2 };

struct request {
  uint8_t operation;
  uint8_t version;
  uint16_t group;
  uint8_t command;
  const uint8_t *body;
  size_t body_length;
};

static void put_result(struct ecg_cbor *cbor, unsigned result) {
  ecg_cbor_map(cbor, 1);
  ecg_cbor_text(cbor, "rc");
  ecg_cbor_unsigned(cbor, result);
}

static void put_bool(struct ecg_cbor *cbor, const char *key, bool value) {
  ecg_cbor_text(cbor, key);
  ecg_cbor_bool(cbor, value);
}

static void put_unsigned(struct ecg_cbor *cbor, const char *key, uint64_t value) {
  ecg_cbor_text(cbor, key);
  ecg_cbor_unsigned(cbor, value);
}

/* Version 1 knows no results of groups. */
static void put_image_result(struct ecg_cbor *cbor, uint8_t version, enum smp_image_result result) {
  if (version == 0) {
    put_result(cbor, RC_UNKNOWN);
    return;
  }
  ecg_cbor_map(cbor, 1);
  ecg_cbor_text(cbor, "err");
  ecg_cbor_map(cbor, 2);
  put_unsigned(cbor, "group", GROUP_IMAGE);
  put_unsigned(cbor, "rc", (uint64_t)result);
}

static void echo(const struct request *request, struct ecg_cbor *cbor) {
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value, text = {.kind = SMP_CBOR_OTHER};
  enum smp_cbor_result result;
  if (!smp_cbor_open(&reader, request->body, request->body_length)) {
    put_result(cbor, RC_INVALID);
    return;
  }
  while ((result = smp_cbor_next(&reader, &key, &value)) == SMP_CBOR_PAIR) {
    if (smp_cbor_is(&key, "d")) text = value;
  }
  if (result == SMP_CBOR_BAD || text.kind != SMP_CBOR_TEXT) {
    put_result(cbor, RC_INVALID);
    return;
  }
  ecg_cbor_map(cbor, 1);
  ecg_cbor_text(cbor, "r");
  ecg_cbor_text_of(cbor, text.bytes, text.length);
}

static void parameters(const struct smp_server *server, struct ecg_cbor *cbor) {
  ecg_cbor_map(cbor, 2);
  put_unsigned(cbor, "buf_size", server->buffer_size);
  put_unsigned(cbor, "buf_count", server->buffer_count);
}

/* `frugal`: flags that are not set are left out, as by Zephyr's option of this name. */
static void put_image(struct ecg_cbor *cbor, uint8_t slot, bool active, const struct smp_image *image,
                      const struct smp_trailer *trailer, bool frugal) {
  char text[SMP_VERSION_TEXT_MAX];
  smp_image_version_text(&image->version, text);
  const bool waiting = !active && trailer->magic && !trailer->copy_done;
  const struct {
    const char *key;
    bool set;
  } flags[] = {
      {"bootable", true},
      {"pending", waiting},
      /* An image without a trailer was never on trial. */
      {"confirmed", active ? trailer->image_ok || !trailer->magic : trailer->image_ok && trailer->copy_done},
      {"active", active},
      {"permanent", waiting && trailer->image_ok},
  };
  size_t told = 0;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) told += flags[i].set || !frugal;
  ecg_cbor_map(cbor, 3 + told);
  put_unsigned(cbor, "slot", slot);
  ecg_cbor_text(cbor, "version");
  ecg_cbor_text(cbor, text);
  ecg_cbor_text(cbor, "hash");
  ecg_cbor_bytes(cbor, image->hash, sizeof image->hash);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (flags[i].set || !frugal) put_bool(cbor, flags[i].key, flags[i].set);
  }
}

/* What runs, or could be asked to. Beside a trailer that was cut short only a new upload makes a slot usable. */
static bool usable(const struct smp_flash_port *port, uint8_t slot, struct smp_image *image,
                   struct smp_trailer *trailer) {
  return smp_image_read(port, slot, image) && smp_trailer_read(port, slot, trailer) &&
         (trailer->magic || trailer->blank || slot == port->running(port->context));
}

static void put_state_within(const struct smp_server *server, struct ecg_cbor *cbor, bool frugal) {
  const struct smp_flash_port *port = &server->flash;
  struct smp_image images[SLOTS];
  struct smp_trailer trailers[SLOTS];
  bool there[SLOTS];
  size_t count = 0;
  for (uint8_t slot = 0; slot < SLOTS; slot++) {
    there[slot] = usable(port, slot, &images[slot], &trailers[slot]);
    if (there[slot]) count++;
  }
  ecg_cbor_map(cbor, 1);
  ecg_cbor_text(cbor, "images");
  ecg_cbor_array(cbor, count);
  for (uint8_t slot = 0; slot < SLOTS; slot++) {
    if (there[slot]) put_image(cbor, slot, slot == port->running(port->context), &images[slot], &trailers[slot], frugal);
  }
}

/* Two images and all their flags find no room in a packet of BLE at an MTU of 247. */
static void put_state(const struct smp_server *server, struct ecg_cbor *cbor) {
  const struct ecg_cbor before = *cbor;
  put_state_within(server, cbor, false);
  if (!cbor->overflow) return;
  *cbor = before;
  put_state_within(server, cbor, true);
}

static bool find(const struct smp_flash_port *port, const uint8_t *hash, uint8_t *slot, struct smp_image *image) {
  struct smp_trailer trailer;
  for (*slot = 0; *slot < SLOTS; (*slot)++) {
    if (usable(port, *slot, image, &trailer) && memcmp(image->hash, hash, sizeof image->hash) == 0) return true;
  }
  return false;
}

static enum smp_image_result confirm_running(const struct smp_flash_port *port) {
  struct smp_trailer trailer;
  const uint8_t running = port->running(port->context);
  if (!smp_trailer_read(port, running, &trailer)) return SMP_IMAGE_READ_FAILED;
  if (!trailer.magic || trailer.image_ok) return SMP_IMAGE_OK;
  return smp_trailer_write_image_ok(port, running) ? SMP_IMAGE_OK : SMP_IMAGE_WRITE_FAILED;
}

/* The image in the slot that does not run, at the next boot: on trial, or for good. */
static enum smp_image_result set_pending(struct smp_server *server, uint8_t slot, const struct smp_image *image,
                                         bool permanent) {
  const struct smp_flash_port *port = &server->flash;
  struct smp_trailer trailer;
  struct smp_image running;
  if (!smp_trailer_read(port, slot, &trailer)) return SMP_IMAGE_READ_FAILED;
  const uint8_t runs = port->running(port->context);
  if (port->newest_runs && smp_image_read(port, runs, &running)) {
    const int order = smp_image_compare(&image->version, &running.version);
    if (order < 0 || (order == 0 && slot > runs)) return SMP_IMAGE_RUNNING_IS_NEWER;
  }
  if (trailer.magic && !trailer.copy_done) {
    if (!permanent || trailer.image_ok) return SMP_IMAGE_OK;
    return smp_trailer_write_image_ok(port, slot) ? SMP_IMAGE_OK : SMP_IMAGE_WRITE_FAILED;
  }
  if (!trailer.blank) return SMP_IMAGE_WRITE_FAILED; /* used before: only a new upload makes it usable */
  if (smp_trailer_write_pending(port, slot, permanent)) return SMP_IMAGE_OK;
  server->upload.complete = false; /* to be sent again from its beginning */
  return SMP_IMAGE_WRITE_FAILED;
}

static void set_state(struct smp_server *server, const struct request *request, struct ecg_cbor *cbor) {
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value, hash = {.kind = SMP_CBOR_OTHER};
  struct smp_image image;
  enum smp_cbor_result read = SMP_CBOR_BAD;
  bool confirm = false;
  uint8_t slot = 0;
  if (smp_cbor_open(&reader, request->body, request->body_length)) {
    while ((read = smp_cbor_next(&reader, &key, &value)) == SMP_CBOR_PAIR) {
      if (smp_cbor_is(&key, "hash") && value.kind == SMP_CBOR_BYTES) hash = value;
      if (smp_cbor_is(&key, "confirm") && value.kind == SMP_CBOR_BOOL) confirm = value.number != 0;
    }
  }
  if (read == SMP_CBOR_BAD) {
    put_result(cbor, RC_INVALID);
    return;
  }
  const bool named = hash.kind == SMP_CBOR_BYTES && hash.length > 0;
  const uint8_t running = server->flash.running(server->flash.context);
  enum smp_image_result result;
  if (!named) {
    result = confirm ? confirm_running(&server->flash) : SMP_IMAGE_BAD_HASH;
  } else if (hash.length != SMP_SHA256_SIZE) {
    result = SMP_IMAGE_BAD_HASH;
  } else if (!find(&server->flash, hash.bytes, &slot, &image)) {
    result = SMP_IMAGE_NO_SUCH_HASH;
  } else if (slot == running) {
    result = confirm ? confirm_running(&server->flash) : SMP_IMAGE_TEST_OF_ACTIVE;
  } else {
    result = set_pending(server, slot, &image, confirm);
  }
  if (result == SMP_IMAGE_OK) {
    put_state(server, cbor);
  } else {
    put_image_result(cbor, request->version, result);
  }
}

static void upload(struct smp_server *server, const struct request *request, struct ecg_cbor *cbor) {
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value;
  struct smp_upload_part part = {.has_offset = false};
  enum smp_cbor_result read = SMP_CBOR_BAD;
  uint64_t image = 0;
  if (smp_cbor_open(&reader, request->body, request->body_length)) {
    while ((read = smp_cbor_next(&reader, &key, &value)) == SMP_CBOR_PAIR) {
      if (smp_cbor_is(&key, "off") && value.kind == SMP_CBOR_UNSIGNED) {
        part.has_offset = true;
        part.offset = value.number;
      } else if (smp_cbor_is(&key, "len") && value.kind == SMP_CBOR_UNSIGNED) {
        part.has_length = true;
        part.length = value.number;
      } else if (smp_cbor_is(&key, "data") && value.kind == SMP_CBOR_BYTES) {
        part.data = value.bytes;
        part.data_length = value.length;
      } else if (smp_cbor_is(&key, "sha") && value.kind == SMP_CBOR_BYTES && value.length == SMP_SHA256_SIZE) {
        part.has_sha = true;
        part.sha = value.bytes;
      } else if (smp_cbor_is(&key, "upgrade") && value.kind == SMP_CBOR_BOOL) {
        part.only_newer = value.number != 0;
      } else if (smp_cbor_is(&key, "image") && value.kind == SMP_CBOR_UNSIGNED) {
        image = value.number;
      }
    }
  }
  if (read == SMP_CBOR_BAD) {
    put_result(cbor, RC_INVALID);
    return;
  }
  const enum smp_image_result result =
      image == 0 ? smp_upload_take(&server->upload, &server->flash, &part) : SMP_IMAGE_NO_FREE_SLOT;
  if (result != SMP_IMAGE_OK) {
    put_image_result(cbor, request->version, result);
    return;
  }
  const struct smp_upload *taken = &server->upload;
  const bool verdict = !taken->active && taken->has_sha && taken->offset > 0 && taken->offset == taken->length;
  ecg_cbor_map(cbor, verdict ? 2 : 1);
  put_unsigned(cbor, "off", taken->active || taken->complete || verdict ? taken->offset : 0);
  if (verdict) put_bool(cbor, "match", taken->match);
}

static void erase(struct smp_server *server, const struct request *request, struct ecg_cbor *cbor) {
  const struct smp_flash_port *port = &server->flash;
  const uint8_t running = port->running(port->context);
  struct smp_cbor_reader reader;
  struct smp_cbor_item key, value;
  struct smp_trailer trailer;
  uint64_t slot = running == 0 ? 1 : 0;
  if (smp_cbor_open(&reader, request->body, request->body_length)) {
    while (smp_cbor_next(&reader, &key, &value) == SMP_CBOR_PAIR) {
      if (smp_cbor_is(&key, "slot") && value.kind == SMP_CBOR_UNSIGNED) slot = value.number;
    }
  }
  enum smp_image_result result = slot < SLOTS && slot != running ? SMP_IMAGE_OK : SMP_IMAGE_BAD_SLOT;
  if (result == SMP_IMAGE_OK && smp_trailer_read(port, running, &trailer) && trailer.magic && !trailer.image_ok)
    result = SMP_IMAGE_NO_FREE_SLOT; /* it holds what to return to */
  if (result == SMP_IMAGE_OK) {
    memset(&server->upload, 0, sizeof server->upload);
    /* From the end, so that an erased trailer never belongs to a whole image that still counts on it. */
    for (uint32_t at = port->slot_size(port->context, (uint8_t)slot); at > 0; at -= port->sector_size) {
      if (!port->erase(port->context, (uint8_t)slot, at - port->sector_size)) result = SMP_IMAGE_ERASE_FAILED;
    }
  }
  if (result == SMP_IMAGE_OK) {
    ecg_cbor_map(cbor, 0);
  } else {
    put_image_result(cbor, request->version, result);
  }
}

static void slot_info(const struct smp_server *server, struct ecg_cbor *cbor) {
  ecg_cbor_map(cbor, 1);
  ecg_cbor_text(cbor, "images");
  ecg_cbor_array(cbor, 1);
  ecg_cbor_map(cbor, 2);
  put_unsigned(cbor, "image", 0);
  ecg_cbor_text(cbor, "slots");
  ecg_cbor_array(cbor, SLOTS);
  for (uint8_t slot = 0; slot < SLOTS; slot++) {
    ecg_cbor_map(cbor, 2);
    put_unsigned(cbor, "slot", slot);
    put_unsigned(cbor, "size", server->flash.slot_size(server->flash.context, slot));
  }
}

static void answer(struct smp_server *server, const struct request *request, struct ecg_cbor *cbor) {
  const bool write = request->operation == OP_WRITE;
  if (request->version > 1) {
    put_result(cbor, RC_TOO_NEW);
    return;
  }
  switch (request->group << 8 | request->command) {
    case GROUP_OS << 8 | OS_ECHO:
      echo(request, cbor);
      return;
    case GROUP_OS << 8 | OS_PARAMETERS:
      if (write) break;
      parameters(server, cbor);
      return;
    case GROUP_OS << 8 | OS_RESET:
      if (!write) break;
      ecg_cbor_map(cbor, 0);
      server->reset_due = true;
      return;
    case GROUP_IMAGE << 8 | IMAGE_STATE:
      if (write) {
        set_state(server, request, cbor);
      } else {
        put_state(server, cbor);
      }
      return;
    case GROUP_IMAGE << 8 | IMAGE_UPLOAD:
      if (!write) break;
      upload(server, request, cbor);
      return;
    case GROUP_IMAGE << 8 | IMAGE_ERASE:
      if (!write) break;
      erase(server, request, cbor);
      return;
    case GROUP_IMAGE << 8 | IMAGE_SLOT_INFO:
      if (write) break;
      slot_info(server, cbor);
      return;
  }
  put_result(cbor, RC_UNSUPPORTED);
}

void smp_server_init(struct smp_server *server, const struct smp_flash_port *flash, uint16_t buffer_size,
                     uint8_t buffer_count) {
  memset(server, 0, sizeof *server);
  server->flash = *flash;
  server->buffer_size = buffer_size;
  server->buffer_count = buffer_count;
  server->answer_max = SMP_ANSWER_MAX;
}

void smp_server_limit_answers(struct smp_server *server, size_t longest) {
  server->answer_max = longest > SMP_ANSWER_MAX ? SMP_ANSWER_MAX : longest < SMP_HEADER_SIZE ? SMP_HEADER_SIZE : longest;
}

void smp_server_receive(struct smp_server *server, const uint8_t *bytes, size_t length) {
  const size_t free = SMP_ANSWERS_SIZE - server->answers_length;
  const size_t wanted = length < SMP_HEADER_SIZE ? 0 : SMP_HEADER_SIZE + ((size_t)bytes[2] << 8 | bytes[3]);
  const uint8_t operation = length == 0 ? OP_MASK : bytes[0] & OP_MASK;
  if (wanted != length || free < 2u + SMP_ANSWER_MAX || (operation != OP_READ && operation != OP_WRITE)) {
    server->dropped++;
    return;
  }
  const struct request request = {.operation = operation,
                                  .version = bytes[0] >> VERSION_SHIFT & VERSION_MASK,
                                  .group = (uint16_t)(bytes[4] << 8 | bytes[5]),
                                  .command = bytes[7],
                                  .body = bytes + SMP_HEADER_SIZE,
                                  .body_length = length - SMP_HEADER_SIZE};
  uint8_t *at = server->answers + server->answers_length;
  uint8_t *header = at + 2;
  const struct ecg_cbor empty = {.bytes = header + SMP_HEADER_SIZE, .capacity = server->answer_max - SMP_HEADER_SIZE};
  struct ecg_cbor cbor = empty;
  answer(server, &request, &cbor);
  if (cbor.overflow) {
    cbor = empty;
    put_result(&cbor, RC_TOO_LONG);
  }
  memcpy(header, bytes, SMP_HEADER_SIZE);
  header[0] = (uint8_t)((request.version > 1 ? 1u : request.version) << VERSION_SHIFT | (operation + 1u));
  header[1] = 0;
  header[2] = (uint8_t)(cbor.length >> 8);
  header[3] = (uint8_t)cbor.length;
  const size_t total = SMP_HEADER_SIZE + cbor.length;
  at[0] = (uint8_t)(total >> 8);
  at[1] = (uint8_t)total;
  server->answers_length += 2u + total;
}

size_t smp_server_answer(struct smp_server *server, uint8_t *answer, size_t capacity) {
  if (server->answers_length == 0) return 0;
  size_t length = (size_t)server->answers[0] << 8 | server->answers[1];
  const size_t taken = 2u + length;
  if (length > capacity) {
    server->dropped++;
    length = 0;
  }
  memcpy(answer, server->answers + 2, length);
  server->answers_length -= taken;
  memmove(server->answers, server->answers + taken, server->answers_length);
  return length;
}
