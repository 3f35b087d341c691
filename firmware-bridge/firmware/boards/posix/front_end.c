#include "front_end.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synthetic_ecg.h"

enum { SIGNALS_MAX = 64, LINE_MAX_BYTES = 1024, NAME_MAX_BYTES = 32 };
#define MISSING INT16_MIN /* format 16's "no sample" (WFDB, signal(5)) */

static void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("ecg-device-posix: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(2);
}

struct front_end front_end_synthetic(uint32_t rate_mhz) {
  struct front_end front_end = {
      .channels = SYNTHETIC_ECG_LEADS, .width = 3, .rate_mhz = rate_mhz, .lsb_pv = 1000000 /* 1 µV */};
  memcpy(front_end.leads, synthetic_ecg_leads, sizeof synthetic_ecg_leads);
  return front_end;
}

struct signal {
  char name[NAME_MAX_BYTES];
  double gain; /* counts per mV */
  int baseline;
};

/* One line of header(5): FILE FORMAT GAIN[(BASELINE)][/UNITS] RESOLUTION ZERO FIRST CHECKSUM BLOCK NAME. */
static void read_signal(const char *line, struct signal *signal, char *file) {
  int zero = 0, name_at = 0;
  char format[16], gain[64];
  if (sscanf(line, "%255s %15s %63s %*d %d %*d %*d %*d %n", file, format, gain, &zero, &name_at) < 4 || name_at == 0)
    give_up("cannot read this line of the header: %s", line);
  if (strcmp(format, "16") != 0)
    give_up("only WFDB format 16 can be played, not %s: convert the record with xform", format);
  char *end;
  signal->gain = strtod(gain, &end);
  signal->baseline = *end == '(' ? atoi(end + 1) : zero;
  if (signal->gain == 0) signal->gain = 200; /* header(5): what 0 stands for */
  snprintf(signal->name, sizeof signal->name, "%.*s", (int)strcspn(line + name_at, "\r\n"), line + name_at);
}

static bool read_line(FILE *file, char *line) {
  do {
    if (fgets(line, LINE_MAX_BYTES, file) == NULL) return false;
  } while (line[0] == '#' || line[0] == '\n' || line[0] == '\r');
  return true;
}

/* Which signals to play, in order; returns how many. */
static uint8_t choose(const struct signal *signals, int count, int chosen[ECG_CHANNELS_MAX]) {
  uint8_t found = 0;
  for (unsigned lead = 0; lead < SYNTHETIC_ECG_LEADS; lead++) {
    for (int i = 0; i < count; i++) {
      if (strcmp(signals[i].name, synthetic_ecg_leads[lead]) == 0) chosen[found++] = i;
    }
  }
  if (found == SYNTHETIC_ECG_LEADS) return found;
  const int most = count < ECG_CHANNELS_MAX ? count : ECG_CHANNELS_MAX;
  for (int i = 0; i < most; i++) chosen[i] = i;
  return (uint8_t)most;
}

static void read_counts(const char *path, int count, const struct signal *signals, const int *chosen,
                        struct front_end *front_end) {
  FILE *file = fopen(path, "rb");
  uint8_t frame[SIGNALS_MAX * 2];
  uint64_t room = 0;
  if (file == NULL) give_up("cannot open the signal file %s", path);
  while (fread(frame, 2, (size_t)count, file) == (size_t)count) {
    if (front_end->samples == room) {
      room = room == 0 ? 4096 : 2 * room;
      front_end->counts = realloc(front_end->counts, room * front_end->channels * sizeof *front_end->counts);
      if (front_end->counts == NULL) give_up("not enough memory for %s", path);
    }
    int16_t *to = front_end->counts + front_end->samples++ * front_end->channels;
    for (int c = 0; c < front_end->channels; c++) {
      const uint8_t *at = frame + 2 * chosen[c];
      const int16_t count_read = (int16_t)(at[0] | at[1] << 8);
      const int shifted = count_read - signals[chosen[c]].baseline;
      if (count_read != MISSING && (shifted < -INT16_MAX || shifted > INT16_MAX))
        give_up("%s: baseline too large", path);
      to[c] = count_read == MISSING ? MISSING : (int16_t)shifted;
    }
  }
  fclose(file);
  if (front_end->samples == 0) give_up("the signal file %s holds no sample", path);
}

struct front_end front_end_record(const char *header) {
  static struct signal signals[SIGNALS_MAX];
  char line[LINE_MAX_BYTES], file[256], first_file[256] = "";
  int count = 0, chosen[ECG_CHANNELS_MAX];
  double rate = 250; /* header(5): when the header does not say */
  FILE *text = fopen(header, "r");
  if (text == NULL) give_up("cannot open the header %s", header);
  if (!read_line(text, line) || sscanf(line, "%*s %d %lf", &count, &rate) < 1 || count < 1 || count > SIGNALS_MAX)
    give_up("%s is not the header of a WFDB record with 1 to %d signals", header, SIGNALS_MAX);
  for (int i = 0; i < count; i++) {
    if (!read_line(text, line)) give_up("%s ends before its %d signals", header, count);
    read_signal(line, &signals[i], file);
    if (i == 0) memcpy(first_file, file, sizeof file);
    if (strcmp(file, first_file) != 0) give_up("all signals must be in one file, not in %s and %s", first_file, file);
  }
  fclose(text);

  struct front_end front_end = {.width = 2, .rate_mhz = (uint32_t)(rate * 1000 + 0.5)};
  front_end.channels = choose(signals, count, chosen);
  for (int c = 0; c < front_end.channels; c++) {
    front_end.leads[c] = signals[chosen[c]].name;
    if (signals[chosen[c]].gain != signals[chosen[0]].gain) give_up("all signals must have one gain");
  }
  front_end.lsb_pv = (uint32_t)(1e9 / signals[chosen[0]].gain + 0.5);

  char path[LINE_MAX_BYTES];
  const char *slash = strrchr(header, '/');
  snprintf(path, sizeof path, "%.*s%s", slash == NULL ? 0 : (int)(slash - header) + 1, header, first_file);
  read_counts(path, count, signals, chosen, &front_end);
  return front_end;
}

bool front_end_sample(const struct front_end *front_end, uint64_t index, int32_t *values) {
  if (front_end->counts == NULL) {
    synthetic_ecg((uint32_t)(index * 1000000u / front_end->rate_mhz % SYNTHETIC_ECG_BEAT_MS), values);
    return true;
  }
  const int16_t *from = front_end->counts + index % front_end->samples * front_end->channels;
  for (int c = 0; c < front_end->channels; c++) {
    if (from[c] == MISSING) return false;
    values[c] = from[c];
  }
  return true;
}
