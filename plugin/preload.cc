// librocksdb_uring_preload.so: stands in for FileSystem::Default(), so that a
// program linked with the shared librocksdb uses the plugin without a word.
//
// It is preloaded into everything that is started with it, so it depends on
// nothing but the C library, does nothing until it is called, and decides call
// by call, from whose code made it, whose FileSystem::Default() was meant:
//
//   a librocksdb that is not the one we were built for    its own
//   code with a RocksDB of its own (bundled, exported)    its own
//   librocksdb_uring.so                                   the real one
//   all others with our librocksdb                        the plugin's
//
// librocksdb_uring.so is loaded only in the last two cases: it brings its
// librocksdb along, which a bundled one of another version must not meet.
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

// The symbol as `object` and what it depends on define it.
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

// The FileSystem::Default() that `caller` would have without us; null if it
// cannot be told: a library whose names nobody else sees may let another, which
// has no RocksDB, make the call for it.
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

// Where librocksdb_uring.so is: beside this library. The first call is that of
// the initialiser below, or comes from one that runs earlier: a relative path
// leads elsewhere once the program has changed its directory.
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

// Loads the plugin, or finds the copy that is there. Never unloaded: the file
// system that it makes lives to the end of the process.
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

// The plugin's hooks, or null where the plugin is not to be had or uses another
// librocksdb than `real` is from. May run on several threads at once: loading
// again gives the same library.
const PreloadHooks* Hooks(void* real) {
  static std::atomic<const PreloadHooks*> cached{nullptr};
  // That of the librocksdb that the plugin uses: another copy may have the same
  // name.
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

// As it was when somebody asked first: what FileSystem::Default() gives must
// not change.
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

// Where the code of an object is.
struct CodeRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;

  bool Holds(const void* address) const {
    const auto at = reinterpret_cast<uintptr_t>(address);
    return begin <= at && at < end;
  }
};

// That of the object that holds `address`.
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

// What is known from the start in a program that is linked with our librocksdb.
// Set before there are threads.
struct Host {
  CodeRange rocksdb;
  CodeRange plugin;
  const PreloadHooks* hooks = nullptr;
  DefaultFunction real = nullptr;
};
Host host;

// For a program that is linked with our librocksdb, the plugin is loaded before
// there are threads, and the callers that matter are known: a thread that asks
// the dynamic linker for anything from inside the constructor of Env::Default()
// would wait for its lock, and the thread that holds it may be running an
// initialiser that waits for Env::Default().
__attribute__((constructor)) void LoadEarly() {
  PluginPath();
  void* const next = dlsym(RTLD_NEXT, kSymbol);
  // A program that exports a RocksDB of its own comes before us.
  if (next != nullptr && HasSoname(ObjectOf(next), ROCKSDB_URING_HOST_SONAME) &&
      ObjectOf(dlsym(RTLD_DEFAULT, kSymbol)) == ObjectOf(&kSymbol)) {
    host.hooks = Hooks(next);
    if (host.hooks != nullptr) {
      host.real = reinterpret_cast<DefaultFunction>(next);
      host.rocksdb = CodeAround(next);
      host.plugin = CodeAround(host.hooks);
    }
  }
  // Programs without RocksDB are to find no message that they did not cause.
  dlerror();
}

std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> Answer(const PreloadHooks* hooks,
                                                      DefaultFunction real,
                                                      bool by_plugin) {
  // Switched off, the plugin is loaded all the same: URIs must stay known.
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
