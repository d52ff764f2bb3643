// The older name of folly/coro/Coroutine.h.
#pragma once

#include "folly/coro/Coroutine.h"  // IWYU pragma: export
