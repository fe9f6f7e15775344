"""The manifest of a kernel folder."""

import json

from targets import CONTRACT, TARGETS

SIMDS = 4  # of a compute unit
REGISTERS = 512  # vector registers of a SIMD's lane, given to waves by eights
MAX_WAVES = 8  # of a SIMD


def waves_per_simd(facts, target):
    """The waves of a kernel that a SIMD holds, by registers and by LDS."""
    by_registers = min(MAX_WAVES, REGISTERS // max(8, (facts["vgprs"] + 7) // 8 * 8))
    if not facts["ldsBytes"]:
        return by_registers
    workgroups = TARGETS[target]["ldsBytes"] // facts["ldsBytes"]
    waves = facts["workgroupSize"] // TARGETS[target]["waveSize"]
    return min(by_registers, max(1, workgroups * waves // SIMDS))


def verified(provider, instance, target):
    """How far a kernel is verified: on the emulator, where the set that its target's tests build has it
    (test/device/attention/verified.test.ts compares all of that with float64)."""
    tested = provider.instances(target, TARGETS[target]["ciSet"])
    return "emulator" if instance.id in {other.id for other in tested} else "none"


def row(provider, instance, facts, target):
    return {
        "id": instance.id,
        "provider": provider.NAME,
        "operation": instance.operation,
        "file": f"{instance.id}.co",
        "sha256": facts["sha256"],
        "symbol": facts["symbol"],
        "kernargs": facts["kernargs"],
        "kernargBytes": facts["kernargBytes"],
        "workgroupSize": facts["workgroupSize"],
        "ldsBytes": facts["ldsBytes"],
        "tile": instance.tile,
        "grid": instance.grid,
        "serves": instance.serves,
        "resources": {"amdgpu": {"vgprs": facts["vgprs"], "scratchBytes": facts["scratchBytes"],
                                 "wavesPerSimd": waves_per_simd(facts, target)}},
        "verified": verified(provider, instance, target),
        "compiler": provider.compiler(),
    }


def text(target, rows):
    manifest = {**CONTRACT, "target": target, "platform": TARGETS[target]["platform"],
                "waveSize": TARGETS[target]["waveSize"], "kernels": sorted(rows, key=lambda entry: entry["id"])}
    return json.dumps(manifest, indent=1) + "\n"
