#include "actors/node/startup_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <link.h>
#include <malloc.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace troupe::node {
namespace {

bool is_traced() {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view key = "TracerPid:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return line.find_first_of("123456789") != std::string::npos;
  }
  return true;  // without /proc nobody knows: leave everything as it is
}

/// Only segments that can never be written: the pages of all others may hold
/// relocations or data of this process, which would be lost.
int release_segments(dl_phdr_info* object, std::size_t, void* page_size) {
  const auto page = *static_cast<const std::uintptr_t*>(page_size);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + segment.p_vaddr + page - 1) / page * page;
    const auto end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) / page * page;
    // Refused for what has no file, as the kernel's own vDSO: nothing to give back there.
    if (begin < end)
      (void)madvise(reinterpret_cast<void*>(begin), end - begin,  // NOLINT: from the loader
                    MADV_DONTNEED);
  }
  return 0;
}

bool has_text_relocations(const dl_phdr_info& object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry =
        reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

}  // namespace

void release_startup_memory() {
  malloc_trim(0);
  if (is_traced()) return;
  auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t size, void* page_size) {
        return has_text_relocations(*object) ? 0 : release_segments(object, size, page_size);
      },
      &page);
}

}  // namespace troupe::node
