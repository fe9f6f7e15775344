// Prints the places of the workgroups of grids, a line each: "group member" of each workgroup. The input has
// groups, members and XCDs of each grid.
#define __device__
#include <cstdint>
#include <cstdio>

#include "xcd.h"

int main() {
  uint32_t groups, members, xcds;
  while (scanf("%u %u %u", &groups, &members, &xcds) == 3) {
    for (uint32_t i = 0; i < groups * members; i++) {
      const Place place = place_by_xcd(i, groups, members, xcds);
      printf("%u %u,", place.group, place.member);
    }
    printf("\n");
  }
}
