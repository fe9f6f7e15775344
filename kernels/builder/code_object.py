"""What a code object says of its kernels: the AMDGPU note and the kernel descriptors of its ELF file."""

import struct
from dataclasses import dataclass

from kernels.builder.instance import BuildError

NOTE, DYNAMIC_SYMBOLS, SYMBOLS = 7, 11, 2  # types of sections
METADATA = 32  # type of the note


@dataclass(frozen=True)
class Argument:
    name: str | None
    offset: int
    size: int
    kind: str  # "global_buffer" is a pointer, "by_value" anything else


@dataclass(frozen=True)
class Kernel:
    arguments: tuple  # the explicit ones
    kernarg_bytes: int
    lds_bytes: int  # the static part
    scratch_bytes: int  # private memory of a work-item
    vgprs: int  # that a wave gets, accumulation registers included
    max_workgroup_size: int


def read(code):
    """The kernels of a code object by their symbols. What the note and a descriptor both say must agree."""
    if code[:5] != b"\x7fELF\x02":
        raise BuildError("a code object is no 64-bit ELF file")
    sections = read_sections(code)
    descriptors = {name.removesuffix(".kd"): place for name, place in symbols(code, sections) if name.endswith(".kd")}
    kernels = {}
    for stated in metadata(code, sections)["amdhsa.kernels"]:
        name = stated[".symbol"].removesuffix(".kd")
        lds, scratch, kernarg = struct.unpack_from("<III", code, descriptors[name])
        (registers,) = struct.unpack_from("<I", code, descriptors[name] + 48)
        vgprs = ((registers & 0x3F) + 1) * 8
        for what, note, descriptor in (
                ("static LDS", stated[".group_segment_fixed_size"], lds),
                ("private memory", stated[".private_segment_fixed_size"], scratch),
                ("kernarg bytes", stated[".kernarg_segment_size"], kernarg)):
            # Assembly may leave the kernarg bytes out.
            if note != descriptor and not (what == "kernarg bytes" and descriptor == 0):
                raise BuildError(f"{name}: {what} are {note} in the note, {descriptor} in the descriptor")
        if stated[".vgpr_count"] > vgprs:
            raise BuildError(f"{name}: {stated['.vgpr_count']} registers in the note, {vgprs} in the descriptor")
        arguments = tuple(Argument(each.get(".name"), each[".offset"], each[".size"], each[".value_kind"])
                          for each in stated.get(".args", ()) if not each[".value_kind"].startswith("hidden_"))
        kernels[name] = Kernel(arguments, stated[".kernarg_segment_size"], lds, scratch, vgprs,
                               stated[".max_flat_workgroup_size"])
    return kernels


def read_sections(code):
    """(type, address, offset, size, link) of each section."""
    (start,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    headers = (struct.unpack_from("<IIQQQQI", code, start + index * size) for index in range(count))
    return [(kind, address, offset, length, link) for _, kind, _, address, offset, length, link in headers]


def metadata(code, sections):
    for kind, _, offset, size, _ in sections:
        end = offset + size
        while kind == NOTE and offset < end:
            name_size, length, note = struct.unpack_from("<III", code, offset)
            offset += 12 + (name_size + 3 & ~3)
            if note == METADATA:
                return unpack(code, offset)[0]
            offset += length + 3 & ~3
    raise BuildError("a code object has no AMDGPU note")


def symbols(code, sections):
    """Names of symbols, and where in the file they are."""
    for kind, _, offset, size, link in sections:
        if kind not in (DYNAMIC_SYMBOLS, SYMBOLS):
            continue
        names = sections[link][2]
        for entry in range(offset, offset + size, 24):
            name, _, _, section, address = struct.unpack_from("<IBBHQ", code, entry)
            if 0 < section < len(sections):
                text = code[names + name:code.index(b"\0", names + name)].decode()
                yield text, sections[section][2] + address - sections[section][1]


def unpack(data, at):
    """One value of MessagePack and where the next begins; of its types, those that the note consists of."""
    tag = data[at]
    at += 1
    if tag <= 0x7F:
        return tag, at
    if tag <= 0x8F:
        return pairs(data, at, tag & 0xF)
    if tag <= 0x9F:
        return items(data, at, tag & 0xF)
    if tag <= 0xBF:
        return string(data, at, tag & 0x1F)
    if tag in (0xC2, 0xC3):
        return tag == 0xC3, at
    lengths = {0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD9: "B", 0xDA: "H",
               0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}
    if tag not in lengths:
        raise BuildError(f"the AMDGPU note has a value of an unknown type, {tag:#x}")
    (number,) = struct.unpack_from(">" + lengths[tag], data, at)
    at += struct.calcsize(lengths[tag])
    read_rest = {0xD9: string, 0xDA: string, 0xDC: items, 0xDD: items, 0xDE: pairs, 0xDF: pairs}.get(tag)
    return (number, at) if read_rest is None else read_rest(data, at, number)


def string(data, at, length):
    return data[at:at + length].decode(), at + length


def items(data, at, count):
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


def pairs(data, at, count):
    values, at = items(data, at, 2 * count)
    return dict(zip(values[::2], values[1::2])), at
