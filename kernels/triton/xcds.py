"""Where workgroups run: hardware deals them to its dies (XCDs) in turn, and each die has an L2 cache of its own."""

import triton
import triton.language as tl


@triton.jit
def dealt_to_xcds(index, groups, members, xcds):
    """The group, and the member of it, that workgroup `index` of groups * members is: all are, each once. Members of a group
    read the same memory and run on one XCD, as long as there is a group for each. Groups that are left run on as many XCDs
    as there are of them, a group's neighbours apart: where members differ in length, each XCD has long ones and short ones."""
    full = groups // xcds * xcds
    group = index // (xcds * members) * xcds + index % xcds
    member = index % (xcds * members) // xcds
    if index >= full * members:
        rest = index - full * members
        left = (groups - full) * members
        xcd = rest % xcds
        place = xcd * (left // xcds) + tl.minimum(xcd, left % xcds) + rest // xcds
        group = full + place // members
        place = place % members
        stride = tl.cdiv(xcds, groups - full)
        short = members // stride
        long_end = members % stride * (short + 1)
        beyond = tl.maximum(place - long_end, 0)
        is_long = place < long_end
        column = tl.where(is_long, place // (short + 1), members % stride + beyond // tl.maximum(short, 1))
        row = tl.where(is_long, place % (short + 1), beyond % tl.maximum(short, 1))
        member = row * stride + column
    return group, member
