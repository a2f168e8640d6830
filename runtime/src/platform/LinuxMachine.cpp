// LinuxMachine.cpp - what this process may use of the machine: cores, memory, tile registers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/CpuFeatures.h"
#include "runtime/src/platform/LinuxFiles.h"
#include "runtime/src/platform/Platform.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace llmc::runtime::platform {

bool readSmallFile(const char *path, char *text, size_t capacity) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return false;
  ssize_t size = read(descriptor, text, capacity - 1);
  close(descriptor);
  if (size < 0)
    return false;
  text[size] = 0;
  return true;
}

/// The path of this process in the unified control group hierarchy ("/" in a container of its own).
static bool controlGroup(char (&group)[512]) {
  char text[4096];
  if (!readSmallFile("/proc/self/cgroup", text, sizeof text))
    return false;
  const char *line = strstr(text, "0::");
  if (!line || (line != text && line[-1] != '\n'))
    return false;
  line += 3;
  size_t size = strcspn(line, "\n");
  if (size >= sizeof group)
    return false;
  memcpy(group, line, size);
  group[size] = 0;
  return true;
}

/// Calls `visit` with the text of `file` in this control group and in each one above it.
template <typename Visit> static void eachControlGroup(const char *file, Visit visit) {
  char group[512], path[640], text[256];
  if (!controlGroup(group))
    return;
  for (;;) {
    formatText(path, sizeof path, "/sys/fs/cgroup%s/%s", strcmp(group, "/") ? group : "", file);
    if (readSmallFile(path, text, sizeof text))
      visit(text);
    char *slash = strrchr(group, '/');
    if (!slash || !group[1])
      return;
    if (slash == group)
      group[1] = 0;
    else
      *slash = 0;
  }
}

bool allowTiles() {
#if defined(__x86_64__)
  // ARCH_REQ_XCOMP_PERM of XFEATURE_XTILEDATA (asm/prctl.h since Linux 5.16; older systems know neither it nor tiles).
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

uint32_t currentCore() {
  int core = sched_getcpu();
  return core < 0 ? noCore : uint32_t(core);
}

uint32_t usableCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
    return 1;
  uint32_t cores = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    // A second hardware thread of a core shares its multipliers: it counts only when the first one is not ours.
    char path[96], text[256];
    formatText(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    bool first = true;
    if (readSmallFile(path, text, sizeof text)) // "0,64" or "0-1"
      eachOfList(text, cpu, [&](long sibling) { first = first && !CPU_ISSET(int(sibling), &allowed); });
    cores += first;
  }
  eachControlGroup("cpu.max", [&](const char *text) { // "max 100000" or "150000 100000": microseconds of a period
    char *end;
    uint64_t quota = strtoull(text, &end, 10), period = strtoull(end, nullptr, 10);
    if (end == text || !period || !quota)
      return;
    uint64_t limit = (quota + period - 1) / period;
    if (limit < cores)
      cores = uint32_t(limit);
  });
  return cores ? cores : 1;
}

uint64_t memoryLimit() {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  uint64_t limit = pages > 0 && page > 0 ? uint64_t(pages) * uint64_t(page) : 0;
  eachControlGroup("memory.max", [&](const char *text) { // "max" or bytes
    char *end;
    uint64_t bytes = strtoull(text, &end, 10);
    if (end != text && bytes && (!limit || bytes < limit))
      limit = bytes;
  });
  return limit;
}

} // namespace llmc::runtime::platform
