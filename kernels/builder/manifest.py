"""The manifest of a kernel folder."""

import json

from kernels.builder import code_object
from kernels.builder import verified as verified_on
from kernels.builder.cache import sha256
from kernels.builder.instance import BuildError, instances_of
from kernels.builder.targets import CONTRACT, TARGETS

SIMDS = 4  # of a compute unit
REGISTERS = 512  # vector registers of a SIMD's lane
MAX_WAVES = 8  # of a SIMD

SIZES = {"pointer": 8, "int64": 8, "int32": 4, "float32": 4}
# The type of a pointer that stays null: it is checked, and left out of the manifest.
NULL = "null"


def row(provider, instance, made, target):
    """The row of a kernel: what its provider says of it, and what the code object says."""
    facts = made.facts
    kernel = code_object.read(made.code).get(facts["symbol"])
    if kernel is None:
        raise BuildError(f"{instance.id}: its code object has no kernel {facts['symbol']}")
    if facts["workgroupSize"] > kernel.max_workgroup_size:
        raise BuildError(f"{instance.id}: workgroups of {facts['workgroupSize']}, "
                         f"but {kernel.max_workgroup_size} in its note")
    lds_bytes = kernel.lds_bytes + facts["ldsBytes"]
    if lds_bytes > TARGETS[target]["ldsBytes"]:
        raise BuildError(f"{instance.id}: {lds_bytes} bytes of LDS, but {target} has {TARGETS[target]['ldsBytes']}")
    return {
        **identity(provider, instance),
        "file": f"{instance.id}.co",
        "sha256": sha256(made.code),
        "symbol": facts["symbol"],
        "kernargs": kernargs(instance, facts["arguments"], kernel),
        "kernargBytes": kernel.kernarg_bytes,
        "workgroupSize": facts["workgroupSize"],
        "ldsBytes": facts["ldsBytes"],
        "tile": instance.tile,
        "grid": instance.grid,
        "serves": instance.serves,
        "resources": {"amdgpu": {"vgprs": kernel.vgprs, "scratchBytes": kernel.scratch_bytes,
                                 "wavesPerSimd": waves_per_simd(kernel, lds_bytes, facts["workgroupSize"], target)}},
        **({"chips": list(instance.chips)} if instance.chips else {}),
        **({"schedule": instance.schedule} if instance.schedule else {}),
        **levels(provider, instance, made, target),
        "compiler": provider.compiler(instance),
        **({} if instance.recipe is None else {"recipe": instance.recipe}),
    }


def identity(provider, instance):
    variant = {} if instance.variant is None else {"variant": instance.variant}
    return {"id": instance.id, "provider": provider.NAME, "operation": instance.operation, **variant}


def kernargs(instance, arguments, kernel):
    """The arguments with offsets and sizes: the code object has them, but not of the members of a structure."""
    explicit = [stated for stated in kernel.arguments if stated.name != "pad"]
    if any("offset" in argument for argument in arguments):
        for argument in arguments:
            start = argument["offset"]
            end = start + SIZES[argument["type"]] * argument.get("count", 1)
            if not any(stated.offset <= start and end <= stated.offset + stated.size for stated in explicit):
                raise BuildError(f"{instance.id}: argument {argument['name']} is at {start}, where its note has none")
        return [kernarg(instance, argument, argument["offset"]) for argument in arguments]
    if len(arguments) != len(explicit):
        raise BuildError(f"{instance.id}: {len(arguments)} arguments, but {len(explicit)} in its note")
    for argument, stated in zip(arguments, explicit):
        is_pointer = argument["type"] in ("pointer", NULL)
        if (stated.name not in (None, argument["name"]) or stated.size != SIZES.get(argument["type"], 8)
                or is_pointer != (stated.kind == "global_buffer")):
            raise BuildError(f"{instance.id}: argument {argument['name']} is {argument['type']}, "
                             f"but {stated.name or stated.kind} of {stated.size} bytes in its note")
    return [kernarg(instance, argument, stated.offset) for argument, stated in zip(arguments, explicit)
            if argument["type"] != NULL]


def kernarg(instance, argument, offset):
    name, kind = argument["name"], argument["type"]
    ours = instance.names.get(name, name)
    count = {"count": argument["count"]} if "count" in argument else {}
    return {"name": name, **({} if ours == name else {"as": ours}), "type": kind, "offset": offset,
            "size": SIZES[kind] * argument.get("count", 1), **count}


def waves_per_simd(kernel, lds_bytes, workgroup_size, target):
    """The waves of a kernel that a SIMD holds, by registers and by LDS."""
    by_registers = min(MAX_WAVES, REGISTERS // kernel.vgprs)
    if not lds_bytes:
        return by_registers
    workgroups = TARGETS[target]["ldsBytes"] // lds_bytes
    return min(by_registers, max(1, workgroups * (workgroup_size // TARGETS[target]["waveSize"]) // SIMDS))


def levels(provider, instance, made, target):
    """How far the kernel's bytes are verified, and on which GPU."""
    on = verified_on.on_hardware(target, instance.id, sha256(made.code))
    if on is None:
        return {"verified": verified(provider, instance, target)}
    return {"verified": "hardware", "verifiedOn": on}


def verified(provider, instance, target):
    """How far a kernel is verified: on the emulator, where the set that its target's tests build has it
    (test/device/attention/verified.test.ts compares all of that with float64). What "ci" leaves out of "all" is built and
    run by test:all."""
    if instance.verified is not None:
        return instance.verified
    in_tests = TARGETS[target]["ciSet"]
    tested = instances_of(provider, target, "all" if in_tests == "ci" else in_tests)
    return "emulator" if instance.id in {other.id for other in tested} else "none"


def text(target, rows):
    manifest = {**CONTRACT, "target": target, "platform": TARGETS[target]["platform"],
                "waveSize": TARGETS[target]["waveSize"], "kernels": sorted(rows, key=lambda entry: entry["id"])}
    return json.dumps(manifest, indent=1) + "\n"
