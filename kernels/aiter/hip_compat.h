// For AITER's header of this name: what pa_v1 uses of it.
#pragma once

#include "ck_tile/core.hpp"

constexpr int WARP_SIZE = 64;
