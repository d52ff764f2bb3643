// The older name of folly/coro/Task.h.
#pragma once

#include "folly/coro/Task.h"  // IWYU pragma: export
