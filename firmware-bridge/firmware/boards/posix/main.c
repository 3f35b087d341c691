/* A device as a program: the library behind a pseudo-terminal or a TCP port, on the computer's own clock. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "carrier.h"
#include "ecg_device.h"
#include "file_flash.h"
#include "front_end.h"
#include "smp_console.h"

static const char usage[] =
    "ecg-device-posix [options]   prints the URI under which a gateway finds it, then streams until it is ended\n"
    "  --tcp PORT           listen on 127.0.0.1 (0: a free port) instead of a pseudo-terminal\n"
    "  --link PATH          a name that stays: symbolic link to the pseudo-terminal\n"
    "  --record FILE.hea    play this WFDB record (format 16), over and over, instead of a synthetic ECG\n"
    "  --rate HZ            sampling rate of the synthetic ECG, 500\n"
    "  --id TEXT            the device's name, ecg-posix\n"
    "  --retain SECONDS     what RESEND can ask for, 10\n"
    "  --drift PPM          its clock and its sampling run fast by this much\n"
    "  --lose PPM           each byte sent is lost with this probability, by --seed N\n"
    "  --off MASK           electrodes off: 1 RA, 2 LA, 4 LL, 8 RL, 16 ... 512 V1 ... V6\n"
    "  --flash FILE         take firmware updates into this file's two slots, which must hold an image to boot\n"
    "  --console            speak SMP on a console instead of ECG Link (with --flash)\n"
    "SIGUSR1 presses the patient's button. SIGUSR2 reboots: new boot number, clock and sample index from 0.\n";

static volatile sig_atomic_t button, reboot, ended;

static void on_signal(int number) {
  if (number == SIGUSR1) button = 1;
  if (number == SIGUSR2) reboot = 1;
  if (number == SIGINT || number == SIGTERM) ended = 1;
}

struct board {
  struct carrier carrier;
  const char *id;
  int64_t drift_ppm;
  uint64_t booted_ns; /* CLOCK_MONOTONIC */
  struct smp_server *smp; /* NULL: no firmware update */
  bool console;
};

static uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t clock_us(void *context) {
  const struct board *board = context;
  const int64_t elapsed_us = (int64_t)(monotonic_ns() - board->booted_ns) / 1000;
  return (uint64_t)(elapsed_us + elapsed_us * board->drift_ppm / 1000000);
}

static size_t write_carrier(void *context, const uint8_t *bytes, size_t length) {
  return carrier_write(&((struct board *)context)->carrier, bytes, length);
}

/* Everything runs in one thread: nothing to keep out. */
static uint32_t lock(void *context) {
  (void)context;
  return 0;
}

static void unlock(void *context, uint32_t state) {
  (void)context;
  (void)state;
}

static const char *id(void *context) {
  return ((struct board *)context)->id;
}

static uint32_t random_boot(void *context) {
  (void)context;
  uint32_t value = (uint32_t)monotonic_ns();
  FILE *source = fopen("/dev/urandom", "rb");
  if (source != NULL) {
    if (fread(&value, sizeof value, 1, source) != 1) value++;
    fclose(source);
  }
  return value;
}

static void status(void *context, struct ecg_status *report) {
  (void)context;
  report->has_battery = report->has_temperature = true;
  report->battery = 100;
  report->temperature_256 = (int16_t)(36.5 * 256);
}

struct options {
  struct front_end front_end;
  double retain_s;
  uint16_t electrodes_off;
};

/* Samples until the next reboot or the end. */
static void live(struct board *board, const struct options *options, struct ecg_device *device) {
  const struct front_end *front_end = &options->front_end;
  uint64_t index = 0;
  reboot = 0;
  while (!ended && !reboot) {
    uint64_t due_us, now_us;
    while ((due_us = index * 1000000000u / front_end->rate_mhz) <= (now_us = clock_us(board))) {
      int32_t values[ECG_CHANNELS_MAX];
      if (front_end_sample(front_end, index, values)) {
        ecg_device_sample(device, values, (uint32_t)due_us, options->electrodes_off, false);
      } else {
        ecg_device_sample_missed(device);
      }
      if (++index % (ECG_RING_SLOTS / 2) == 0) ecg_device_poll(device); /* after the program was stopped for a while */
    }
    if (button) ecg_device_event(device, ECG_EVENT_BUTTON);
    button = 0;
    ecg_device_poll(device);

    uint8_t bytes[512];
    bool lost;
    const size_t length = carrier_receive(&board->carrier, due_us - now_us, bytes, sizeof bytes, &lost);
    if (lost) ecg_device_carrier_lost(device);
    ecg_device_receive(device, bytes, length);
  }
}

static void restart(void) {
  reboot = 1;
}

/* The console alone until the next reboot or the end: what a bootloader's serial recovery does. */
static void live_on_console(struct board *board) {
  static struct smp_console console;
  static uint8_t frame[UPDATE_BUFFER];
  uint64_t reset_at_ns = 0;
  smp_console_init(&console, board->smp, frame, sizeof frame);
  reboot = 0;
  while (!ended && !reboot) {
    const uint8_t *waiting;
    uint8_t bytes[512];
    bool lost;
    size_t length;
    while ((length = smp_console_pending(&console, &waiting)) > 0) {
      const size_t taken = carrier_write(&board->carrier, waiting, length);
      smp_console_sent(&console, taken);
      if (taken == 0) break;
    }
    length = carrier_receive(&board->carrier, 10000, bytes, sizeof bytes, &lost);
    smp_console_receive(&console, bytes, length);
    if (!board->smp->reset_due) continue;
    if (reset_at_ns == 0) reset_at_ns = monotonic_ns() + ECG_RESET_AFTER_US * 1000u;
    if (monotonic_ns() >= reset_at_ns) restart();
  }
}

static void run(struct board *board, const struct options *options) {
  static struct ecg_device device;
  const struct front_end *front_end = &options->front_end;
  const size_t stride = ecg_history_stride(front_end->channels, front_end->width);
  const size_t retain = (size_t)(options->retain_s * front_end->rate_mhz / 1000);
  uint8_t *history = malloc(retain * stride);
  const struct ecg_port port = {board, clock_us, write_carrier, lock, unlock, id, random_boot, status};
  char version[SMP_VERSION_TEXT_MAX] = "0.1.0";
  const struct ecg_device_config config = {.model = "ecgclip posix",
                                           .firmware = version,
                                           .leads = front_end->leads,
                                           .channels = front_end->channels,
                                           .width = front_end->width,
                                           .rate_mhz = front_end->rate_mhz,
                                           .lsb_pv = front_end->lsb_pv,
                                           .carrier = ECG_CARRIER_BYTES,
                                           .packet_limit = ECG_PACKET_MAX,
                                           .history = history,
                                           .history_bytes = history == NULL ? 0 : retain * stride,
                                           .smp = board->smp};
  for (bool first = true; !ended; first = false) {
    board->booted_ns = monotonic_ns();
    if (board->smp != NULL) file_flash_boot(board->smp, restart, version);
    const char *fault = ecg_device_init(&device, &config, &port);
    if (fault != NULL) {
      fprintf(stderr, "ecg-device-posix: %s\n", fault);
      exit(2);
    }
    if (first) puts(board->carrier.uri);
    fflush(stdout);
    if (board->console) {
      live_on_console(board);
    } else {
      live(board, options, &device);
    }
  }
  free(history);
}

int main(int count, char **arguments) {
  static const struct option known[] = {
      {"tcp", required_argument, NULL, 't'},    {"link", required_argument, NULL, 'l'},
      {"record", required_argument, NULL, 'r'}, {"rate", required_argument, NULL, 'f'},
      {"id", required_argument, NULL, 'i'},     {"retain", required_argument, NULL, 'k'},
      {"drift", required_argument, NULL, 'd'},  {"lose", required_argument, NULL, 'p'},
      {"seed", required_argument, NULL, 's'},   {"off", required_argument, NULL, 'o'},
      {"flash", required_argument, NULL, 'u'},  {"console", no_argument, NULL, 'c'},
      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
  static struct smp_server smp;
  struct board board = {.id = "ecg-posix"};
  struct options options = {.front_end = front_end_synthetic(500000), .retain_s = 10};
  const char *port = NULL, *link = NULL;
  uint32_t lose_ppm = 0, seed = 1;
  int option;
  while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
    switch (option) {
      case 't':
        port = optarg;
        break;
      case 'u':
        file_flash_open(optarg);
        board.smp = &smp;
        break;
      case 'c':
        board.console = true;
        break;
      case 'l':
        link = optarg;
        break;
      case 'r':
        options.front_end = front_end_record(optarg);
        break;
      case 'f':
        options.front_end = front_end_synthetic((uint32_t)(atof(optarg) * 1000 + 0.5));
        break;
      case 'i':
        board.id = optarg;
        break;
      case 'k':
        options.retain_s = atof(optarg);
        break;
      case 'd':
        board.drift_ppm = atoi(optarg);
        break;
      case 'p':
        lose_ppm = (uint32_t)strtoul(optarg, NULL, 0);
        break;
      case 's':
        seed = (uint32_t)strtoul(optarg, NULL, 0);
        break;
      case 'o':
        options.electrodes_off = (uint16_t)strtoul(optarg, NULL, 0);
        break;
      default:
        fputs(usage, option == 'h' ? stdout : stderr);
        return option == 'h' ? 0 : 2;
    }
  }
  if (board.console && board.smp == NULL) {
    fputs("ecg-device-posix: --console needs --flash FILE\n", stderr);
    return 2;
  }
  if (port == NULL) {
    carrier_open_pty(&board.carrier, link);
  } else {
    carrier_open_tcp(&board.carrier, (uint16_t)atoi(port));
  }
  carrier_lose(&board.carrier, lose_ppm > 1000000u ? 1000000u : lose_ppm, seed);
  const struct sigaction action = {.sa_handler = on_signal};
  const int numbers[] = {SIGUSR1, SIGUSR2, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  run(&board, &options);
  free(options.front_end.counts);
  if (link != NULL) unlink(link);
  return 0;
}
