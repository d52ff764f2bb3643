// How a side of a comparison gets the plugin, and why a program did not.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_PRELOAD_H_
#define ROCKSDB_URING_TOOLS_COMPARE_PRELOAD_H_

#include <string>

#include "tools/compare/child.h"

namespace rocksdb_uring {

// The user's own preloads (an allocator, say) apply to both sides; the plugin
// only where the side asks for it, or A would be measured with it.
std::string PreloadWithoutPlugin();

// Sets the child's LD_PRELOAD: `plugin`, if not empty, before what the user
// preloads.
void SetPreload(const std::string& plugin, Command* command);

// True when the URI names the plugin.
bool IsPluginUri(const std::string& uri);

// Adds "a=1&b=2" to a URI in the form that it has ("uring://?x=y" or
// "id=uring;x=y").
std::string WithOptions(const std::string& uri, const std::string& options);

// "a=1;b=2" of "uring://?a=1&b=2", as the plugin's environment takes them.
std::string OptionsOf(const std::string& uri);

// What the dynamic linker said when it could not load the plugin; empty when it
// said nothing. It only warns, and the program goes on without the plugin.
std::string ExplainLoading(const Outcome& outcome);

// Why a preload does not reach the program that a shell command starts, and
// what to do.
std::string ExplainUnreached(const std::string& shell_command);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_PRELOAD_H_
