// The older name of folly/coro/Collect.h.
#pragma once

#include "folly/coro/Collect.h"  // IWYU pragma: export
