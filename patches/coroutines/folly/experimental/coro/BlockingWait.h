// The older name of folly/coro/BlockingWait.h.
#pragma once

#include "folly/coro/BlockingWait.h"  // IWYU pragma: export
