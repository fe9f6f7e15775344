#pragma once

// CK-tile chooses types and workarounds by ROCm's version.
#define HIP_VERSION_MAJOR 7
#define HIP_VERSION_MINOR 1
#define HIP_VERSION_PATCH 0
#define HIP_VERSION 70100000
