"""Prints the places of the workgroups of grids, a line each: "group member" of each workgroup. The input has groups, members
and XCDs of each grid. The arithmetic is that of the kernels' own function, on Python's integers."""

import pathlib
import sys
from types import SimpleNamespace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from kernels.triton.xcds import dealt_to_xcds  # noqa: E402

place_of = dealt_to_xcds.fn
place_of.__globals__["tl"] = SimpleNamespace(
    cdiv=lambda a, b: -(-a // b),
    maximum=max,
    minimum=min,
    where=lambda condition, a, b: a if condition else b,
)

for line in sys.stdin:
    groups, members, xcds = map(int, line.split())
    places = (place_of(index, groups, members, xcds) for index in range(groups * members))
    print("".join(f"{group} {member}," for group, member in places))
