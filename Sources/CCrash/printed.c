// What the process prints, handed over while it is still known who prints it. Two streams take the
// place of C's own, without a buffer: a buffer is shared by all threads, and would mix their parts of
// lines.
#define _GNU_SOURCE
#include "CCrash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  int descriptor;
  // Where everything went before: what nobody takes still does.
  FILE *before;
} printed_stream;

static printed_stream output = {.descriptor = STDOUT_FILENO};
static printed_stream errors = {.descriptor = STDERR_FILENO};
static apus_take_printed take_printed;

// The message of a trap stays with the backtrace, which the runtime writes to the descriptor: this
// process has not long to live, and the host knows how the two belong together.
static bool is_last_word(const printed_stream *stream, const char *bytes, size_t count) {
  static const char mark[] = "Fatal error";
  return stream == &errors && memmem(bytes, count, mark, sizeof mark - 1) != NULL;
}

static ssize_t write_printed(void *cookie, const char *bytes, size_t count) {
  printed_stream *stream = cookie;
  int saved = errno;
  bool is_taken =
    !is_last_word(stream, bytes, count) && take_printed(stream->descriptor, bytes, count);
  if (!is_taken) fwrite(bytes, 1, count, stream->before);
  errno = saved;
  // Who prints is not told of a full pipe, as ever.
  return (ssize_t)count;
}

static FILE *open_stream(printed_stream *stream, FILE *before) {
  cookie_io_functions_t functions = {.write = write_printed};
  FILE *file = fopencookie(stream, "w", functions);
  if (file == NULL) return before;
  fflush(before);
  stream->before = before;
  setvbuf(file, NULL, _IONBF, 0);
  return file;
}

void apus_printed_install(apus_take_printed take) {
  take_printed = take;
  // Lines printed to a pipe would otherwise wait in a buffer that a crash throws away.
  setvbuf(stdout, NULL, _IOLBF, 0);
  stdout = open_stream(&output, stdout);
  stderr = open_stream(&errors, stderr);
}
