"""The manifest of a kernel folder: what lib/kernels/manifest.ts reads."""

import json
from pathlib import Path

SCHEMA = 1
LDS_BYTES = {"gfx950": 160 * 1024}
# The set of each target whose every kernel test/device/attention/verified.test.ts compares with float64.
TESTED_SETS = {"gfx90a": "smoke", "gfx942": "all", "gfx950": "smoke"}


def waves_per_simd(facts, target):
    """How many waves of a kernel a SIMD holds, by registers and by LDS (a compute unit has 4 SIMDs)."""
    by_registers = min(8, 512 // max(8, (facts["vgprs"] + 7) // 8 * 8))
    if not facts["ldsBytes"]:
        return by_registers
    workgroups = LDS_BYTES.get(target, 64 * 1024) // facts["ldsBytes"]
    return min(by_registers, max(1, workgroups * (facts["block"] // 64) // 4))


def verified(provider, instance, target):
    """How far a kernel is verified: as far as a test has run it, on the emulator."""
    tested = provider.instances(target, TESTED_SETS[target]) if target in TESTED_SETS else []
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
        "block": facts["block"],
        "ldsBytes": facts["ldsBytes"],
        "vgprs": facts["vgprs"],
        "scratchBytes": facts["scratchBytes"],
        "wavesPerSimd": waves_per_simd(facts, target),
        "grid": instance.grid,
        "tile": instance.tile,
        "capabilities": {
            "dtypes": [instance.dtype],
            "kvCacheDtypes": ["auto"],
            "headSizes": [instance.constants["HEAD_SIZE"]],
            "blockSize": instance.block_size,
            "features": list(instance.features),
        },
        "verified": verified(provider, instance, target),
        "compiler": provider.compiler(),
    }


def text(version, target, rows):
    manifest = {"schema": SCHEMA, "version": version, "target": target, "waveSize": 64,
                "kernels": sorted(rows, key=lambda entry: entry["id"])}
    return json.dumps(manifest, indent=1) + "\n"


def package_version():
    return json.loads((Path(__file__).parents[2] / "package.json").read_text())["version"]
