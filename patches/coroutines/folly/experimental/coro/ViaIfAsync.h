// The older name of folly/coro/ViaIfAsync.h.
#pragma once

#include "folly/coro/ViaIfAsync.h"  // IWYU pragma: export
