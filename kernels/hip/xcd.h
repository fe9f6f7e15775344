// Where workgroups run. Hardware sends them to the XCDs in turn, and each XCD has an L2 of its own: what
// workgroups on two of them read is fetched twice.
#pragma once

#include <hip/hip_runtime.h>

// A workgroup's place among groups whose members read the same memory.
struct Place {
  uint32_t group;
  uint32_t member;
};

// Gives the members of a group numbers that go to one XCD, and the groups to the XCDs in turn. Those of the
// last groups, of which there are not enough for every XCD to get one, are spread over all: none idles while
// another has two.
static inline __device__ Place place_by_xcd(uint32_t workgroup, uint32_t groups, uint32_t members,
                                            uint32_t xcds) {
  const uint32_t even = groups / xcds * xcds;
  if (workgroup < even * members) {
    const uint32_t of_xcd = workgroup / xcds;
    return {of_xcd / members * xcds + workgroup % xcds, of_xcd % members};
  }
  const uint32_t rest = workgroup - even * members;
  return {even + rest % (groups - even), rest / (groups - even)};
}
