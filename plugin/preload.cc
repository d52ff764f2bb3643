// librocksdb_uring_preload.so: replaces FileSystem::Default(), so that a
// program linked with the shared librocksdb uses the plugin without any option.
//
// LD_PRELOAD loads it into every program that a script starts. It therefore
// depends only on the C library and does nothing until it is called. For each
// call, the code that made the call decides which FileSystem::Default()
// answers:
//
//   caller                                              answer
//   a librocksdb that this library was not built for    its own
//   code with its own RocksDB (bundled, exported)       its own
//   librocksdb_uring.so                                 the real one
//   all others, with our librocksdb                     the plugin's
//
// librocksdb_uring.so is loaded only in the last two cases. Loading it also
// loads its librocksdb, which must not meet a bundled one of another version.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // dladdr1, RTLD_NEXT
#endif
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "plugin/preload_hooks.h"
#include "rocksdb/file_system.h"

#define URING_STRING_OF(name) #name
#define URING_STRING(name) URING_STRING_OF(name)

using rocksdb_uring::DefaultFunction;
using rocksdb_uring::PreloadHooks;

namespace {

// FileSystem::Default() for the dynamic linker.
constexpr char kSymbol[] = "_ZN7rocksdb10FileSystem7DefaultEv";
static_assert(__builtin_strcmp(URING_STRING(ROCKSDB_NAMESPACE), "rocksdb") == 0,
              "kSymbol is mangled for the namespace rocksdb");

// The object that holds `address`, or null.
const link_map* ObjectOf(const void* address) {
  Dl_info info;
  void* object = nullptr;
  return dladdr1(address, &info, &object, RTLD_DL_LINKMAP) != 0
             ? static_cast<const link_map*>(object)
             : nullptr;
}

bool HasSoname(const link_map* object, const char* soname) {
  const char* strings = nullptr;
  size_t offset = 0;
  if (object == nullptr || object->l_ld == nullptr) {
    return false;
  }
  for (const ElfW(Dyn)* entry = object->l_ld; entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_STRTAB) {
      strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
    } else if (entry->d_tag == DT_SONAME) {
      offset = entry->d_un.d_val;
    }
  }
  return strings != nullptr && offset != 0 &&
         strcmp(strings + offset, soname) == 0;
}

// The symbol as defined by `object` and its dependencies, or null.
void* LookUpIn(const link_map* object) {
  // Already loaded: this only gives it a handle.
  void* const handle = dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) {
    return nullptr;
  }
  void* const found = dlsym(handle, kSymbol);
  dlclose(handle);
  return found;
}

// The FileSystem::Default() that `caller` would call without this library. Null
// if unknown: a library loaded with RTLD_LOCAL may have another library,
// without RocksDB, make the call for it.
void* RealDefault(const link_map* caller) {
  void* own = nullptr;
  // The program itself has no name, and does not come here if it has its own.
  if (caller != nullptr && caller->l_name[0] != '\0') {
    own = LookUpIn(caller);
    if (own != nullptr && ObjectOf(own) == caller) {
      return own;
    }
  }
  void* const next = dlsym(RTLD_NEXT, kSymbol);
  return next != nullptr ? next : own;
}

// The path of librocksdb_uring.so: in the directory of this library. The
// initialiser below, or one that runs earlier, makes the first call, before the
// program can change its directory and make a relative path wrong.
const char* PluginPath() {
  static char path[PATH_MAX + sizeof("/" ROCKSDB_URING_PLUGIN_SONAME)];
  static bool known = false;
  Dl_info info;
  if (!known && dladdr(&known, &info) != 0 &&
      realpath(info.dli_fname, path) != nullptr) {
    strcpy(strrchr(path, '/'), "/" ROCKSDB_URING_PLUGIN_SONAME);
  }
  known = true;
  return path;
}

// Loads the plugin, or finds the loaded copy. Never unloaded: its file system
// lives until the process ends.
void* LoadLibrary() {
  constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
  void* library = dlopen(ROCKSDB_URING_PLUGIN_SONAME, kFlags | RTLD_NOLOAD);
  // An empty path would be the program itself.
  if (library == nullptr && PluginPath()[0] != '\0') {
    library = dlopen(PluginPath(), kFlags);
  }
  if (library == nullptr) {
    library = dlopen(ROCKSDB_URING_PLUGIN_SONAME, kFlags);
  }
  return library;
}

// The plugin's hooks. Null if the plugin cannot be loaded, or uses another
// librocksdb than the one that defines `real`. Several threads may run this at
// once: loading again returns the same library.
const PreloadHooks* Hooks(void* real) {
  static std::atomic<const PreloadHooks*> cached{nullptr};
  // FileSystem::Default() of the plugin's librocksdb: another copy may have the
  // same soname.
  static std::atomic<void*> served{nullptr};
  static std::atomic<bool> tried{false};
  if (!tried.load(std::memory_order_acquire)) {
    void* const library = LoadLibrary();
    if (library != nullptr) {
      const auto* hooks = static_cast<const PreloadHooks*>(
          dlsym(library, "rocksdb_uring_preload_hooks"));
      if (hooks != nullptr && hooks->version == PreloadHooks::kVersion) {
        served.store(dlsym(library, kSymbol), std::memory_order_relaxed);
        cached.store(hooks, std::memory_order_relaxed);
      }
    }
    tried.store(true, std::memory_order_release);
  }
  return served.load(std::memory_order_relaxed) == real
             ? cached.load(std::memory_order_relaxed)
             : nullptr;
}

// The value at the first call: the result of FileSystem::Default() must not
// change later.
bool SwitchedOff() {
  enum { kUnknown, kOn, kOff };
  static std::atomic<int> state{kUnknown};
  if (state.load(std::memory_order_relaxed) == kUnknown) {
    // As the plugin reads it: not in programs that gain rights.
    const char* const word = secure_getenv("ROCKSDB_URING");
    state.store(word != nullptr && strcmp(word, "off") == 0 ? kOff : kOn,
                std::memory_order_relaxed);
  }
  return state.load(std::memory_order_relaxed) == kOff;
}

// The addresses of an object's code.
struct CodeRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;

  bool Holds(const void* address) const {
    const auto at = reinterpret_cast<uintptr_t>(address);
    return begin <= at && at < end;
  }
};

// The range of the object that contains `address`.
CodeRange CodeAround(const void* address) {
  struct Search {
    uintptr_t address;
    CodeRange code;
  } search = {reinterpret_cast<uintptr_t>(address), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* argument) {
        auto* const wanted = static_cast<Search*>(argument);
        CodeRange code;
        bool found = false;
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& part = object->dlpi_phdr[i];
          const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
          const uintptr_t end = begin + part.p_memsz;
          if (part.p_type == PT_LOAD) {
            found =
                found || (begin <= wanted->address && wanted->address < end);
            code = (part.p_flags & PF_X) != 0 ? CodeRange{begin, end} : code;
          }
        }
        wanted->code = found ? code : wanted->code;
        return static_cast<int>(found);
      },
      &search);
  return search.code;
}

// Known from the start in a program linked with our librocksdb. Set before the
// program has threads.
struct Host {
  CodeRange rocksdb;
  CodeRange plugin;
  const PreloadHooks* hooks = nullptr;
  DefaultFunction real = nullptr;
};
Host host;

// If the program is linked with our librocksdb, the plugin is loaded here,
// before the program has threads, and the callers that matter are recorded.
// Asking the dynamic linker later could deadlock: the constructor of
// Env::Default() calls FileSystem::Default(), which would wait for the dynamic
// linker's lock, and the thread that holds that lock may run an initialiser
// that waits for Env::Default().
__attribute__((constructor)) void LoadEarly() {
  PluginPath();
  void* const next = dlsym(RTLD_NEXT, kSymbol);
  // A program that exports its own RocksDB precedes this library in the lookup.
  if (next != nullptr && HasSoname(ObjectOf(next), ROCKSDB_URING_HOST_SONAME) &&
      ObjectOf(dlsym(RTLD_DEFAULT, kSymbol)) == ObjectOf(&kSymbol)) {
    host.hooks = Hooks(next);
    if (host.hooks != nullptr) {
      host.real = reinterpret_cast<DefaultFunction>(next);
      host.rocksdb = CodeAround(next);
      host.plugin = CodeAround(host.hooks);
    }
  }
  // Clear the error: a program without RocksDB must not find our message.
  dlerror();
}

std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> Answer(const PreloadHooks* hooks,
                                                      DefaultFunction real,
                                                      bool by_plugin) {
  // The plugin is loaded even if switched off, so that URIs stay known.
  if (hooks == nullptr || SwitchedOff()) {
    return real();
  }
  return by_plugin ? hooks->base_file_system(real)
                   : hooks->default_file_system(real);
}

}  // namespace

namespace ROCKSDB_NAMESPACE {

__attribute__((visibility("default"))) std::shared_ptr<FileSystem>
FileSystem::Default() {
  const void* const address = __builtin_return_address(0);
  const bool by_plugin = host.plugin.Holds(address);
  if (by_plugin || host.rocksdb.Holds(address)) {
    return Answer(host.hooks, host.real, by_plugin);
  }
  const link_map* const caller = ObjectOf(address);
  void* const found = RealDefault(caller);
  if (found == nullptr) {
    return nullptr;
  }
  const auto real = reinterpret_cast<DefaultFunction>(found);
  const PreloadHooks* const hooks =
      HasSoname(ObjectOf(found), ROCKSDB_URING_HOST_SONAME) ? Hooks(found)
                                                            : nullptr;
  return Answer(hooks, real, HasSoname(caller, ROCKSDB_URING_PLUGIN_SONAME));
}

}  // namespace ROCKSDB_NAMESPACE
