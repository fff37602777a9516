/* base/file.c - each call goes on where a signal interrupts it or the system moves less than was asked.
 *
 * A disk that is full, or a quota, may show as late as at fsync or close, so both are asked. Causes go up as errno values, and
 * the advice for them is said in one place. */
#include "espalier/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int esp_write_at(int fd, const void *data, size_t n, off_t offset)
{
  for (const char *at = data; n > 0;) {
    const ssize_t moved = pwrite(fd, at, n, offset);
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved <= 0)
      return moved < 0 ? errno : EIO;
    at += moved;
    offset += moved;
    n -= (size_t)moved;
  }
  return 0;
}

ssize_t esp_read_at(int fd, void *data, size_t n, off_t offset)
{
  size_t have = 0;
  while (have < n) {
    const ssize_t moved = pread(fd, (char *)data + have, n - have, offset + (off_t)have);
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved < 0)
      return -1;
    if (moved == 0)
      break;
    have += (size_t)moved;
  }
  return (ssize_t)have;
}

int esp_sync(int fd)
{
  int done;
  do
    done = fsync(fd);
  while (done != 0 && errno == EINTR);
  return done == 0 || errno == EINVAL || errno == ENOSYS ? 0 : errno;
}

esp_err esp_file_save(const char *path, const void *bytes, size_t n)
{
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  ESP_REQUIRE(fd >= 0, ESP_ERR_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  int why = esp_write_at(fd, bytes, n, 0);
  if (why == 0)
    why = esp_sync(fd);
  if (close(fd) != 0 && why == 0 && errno != EINTR) /* interrupted, it is closed all the same */
    why = errno;
  if (why == 0)
    return ESP_OK;
  unlink(path);
  return esp_fail(ESP_ERR_IO, "%s: cannot be written: %s%s", path, strerror(why), esp_disk_advice(why));
}

esp_err esp_open_error(int code)
{
  static const int of_machine[] = {EIO, EINTR, EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, ESTALE, ETIMEDOUT};
  for (size_t i = 0; i < sizeof of_machine / sizeof *of_machine; i++)
    if (code == of_machine[i])
      return ESP_ERR_IO;
  return ESP_ERR_NO_INPUT;
}

const char *esp_disk_advice(int code)
{
  return code == ENOSPC || code == EDQUOT ? "; make room and give the same command again" : "";
}
