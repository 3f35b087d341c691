#include "smp_cbor_reader.h"

#include <string.h>

enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { INDEFINITE = 31, BREAK = 0xff, FALSE = 20, TRUE = 21 };
/* Nesting that is skipped; no request of SMP has any. */
enum { DEPTH_MAX = 8 };

struct head {
  unsigned major;
  unsigned info;
  uint64_t value;
};

static bool read_head(struct smp_cbor_reader *reader, struct head *head) {
  if (reader->at == reader->end) return false;
  const unsigned initial = *reader->at++;
  head->major = initial >> 5;
  head->info = initial & 31u;
  head->value = head->info;
  if (head->info < 24 || head->info == INDEFINITE) return true;
  if (head->info > 27) return false;
  size_t size = (size_t)1 << (head->info - 24u);
  if ((size_t)(reader->end - reader->at) < size) return false;
  head->value = 0;
  while (size-- > 0) head->value = head->value << 8 | *reader->at++;
  return true;
}

static bool at_break(const struct smp_cbor_reader *reader) {
  return reader->at < reader->end && *reader->at == BREAK;
}

static bool read_item(struct smp_cbor_reader *reader, struct smp_cbor_item *item, unsigned depth);

/* `count` items, or up to the break. */
static bool skip(struct smp_cbor_reader *reader, bool indefinite, uint64_t count, unsigned depth) {
  struct smp_cbor_item ignored;
  if (depth == DEPTH_MAX) return false;
  if (!indefinite) {
    while (count-- > 0) {
      if (!read_item(reader, &ignored, depth + 1u)) return false;
    }
    return true;
  }
  while (!at_break(reader)) {
    if (!read_item(reader, &ignored, depth + 1u)) return false;
  }
  reader->at++;
  return true;
}

static bool read_string(struct smp_cbor_reader *reader, const struct head *head, struct smp_cbor_item *item) {
  if (head->value > (uint64_t)(reader->end - reader->at)) return false;
  item->kind = head->major == TEXT ? SMP_CBOR_TEXT : SMP_CBOR_BYTES;
  item->bytes = reader->at;
  item->length = (size_t)head->value;
  reader->at += item->length;
  return true;
}

static bool read_item(struct smp_cbor_reader *reader, struct smp_cbor_item *item, unsigned depth) {
  struct head head;
  *item = (struct smp_cbor_item){SMP_CBOR_OTHER, 0, NULL, 0};
  if (!read_head(reader, &head)) return false;
  const bool indefinite = head.info == INDEFINITE;
  switch (head.major) {
    case UNSIGNED:
      item->kind = SMP_CBOR_UNSIGNED;
      item->number = head.value;
      return !indefinite;
    case NEGATIVE:
      return !indefinite;
    case BYTES:
    case TEXT:
      return indefinite ? skip(reader, true, 0, depth) : read_string(reader, &head, item);
    case ARRAY:
      return skip(reader, indefinite, head.value, depth);
    case MAP:
      if (!indefinite && head.value > UINT32_MAX) return false;
      return skip(reader, indefinite, 2u * head.value, depth);
    case TAG:
      return !indefinite && skip(reader, false, 1, depth);
    default: /* SIMPLE; a break where an item should be */
      if (indefinite) return false;
      if (head.info != FALSE && head.info != TRUE) return true;
      item->kind = SMP_CBOR_BOOL;
      item->number = head.info == TRUE;
      return true;
  }
}

bool smp_cbor_open(struct smp_cbor_reader *reader, const uint8_t *bytes, size_t length) {
  struct head head;
  *reader = (struct smp_cbor_reader){bytes, bytes + length, 0};
  if (!read_head(reader, &head) || head.major != MAP) return false;
  reader->left = head.info == INDEFINITE ? SMP_CBOR_INDEFINITE : head.value;
  return true;
}

enum smp_cbor_result smp_cbor_next(struct smp_cbor_reader *reader, struct smp_cbor_item *key,
                                   struct smp_cbor_item *value) {
  if (reader->left == 0) return SMP_CBOR_END;
  if (reader->left == SMP_CBOR_INDEFINITE) {
    if (at_break(reader)) return SMP_CBOR_END;
  } else {
    reader->left--;
  }
  return read_item(reader, key, 0) && read_item(reader, value, 0) ? SMP_CBOR_PAIR : SMP_CBOR_BAD;
}

bool smp_cbor_is(const struct smp_cbor_item *key, const char *text) {
  return key->kind == SMP_CBOR_TEXT && key->length == strlen(text) && memcmp(key->bytes, text, key->length) == 0;
}
