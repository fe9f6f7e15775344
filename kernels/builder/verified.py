"""kernels/verified.json: which code objects have matched float64 on a GPU, and where. A manifest's row says "hardware" for as
long as its kernel has the same bytes."""

import json
import re
from datetime import date

from kernels.builder.cache import write
from kernels.builder.instance import BuildError
from kernels.builder.paths import ROOT

FILE = ROOT / "kernels" / "verified.json"


def on_hardware(target, identity, digest, file=FILE):
    """Where a code object was verified: {gpu, driver, hip, date}; None where it was not."""
    if not file.exists():
        return None
    entry = json.loads(file.read_text()).get(target, {}).get(identity)
    return entry["on"] if entry is not None and entry["sha256"] == digest else None


def accept(record_path, kernels=ROOT / "build" / "kernels", file=FILE):
    """Takes a record of `npm run test:gpu` over into kernels/verified.json. Returns the target and the number of kernels."""
    record = read_record(record_path)
    device, hip = record["device"], record["hip"]
    target = device["arch"]
    manifest = kernels / target / "manifest.json"
    if not manifest.exists():
        raise BuildError(f"there are no kernels for {target} to compare with: kernels/build --target {target}")
    built = {row["id"]: row["sha256"] for row in json.loads(manifest.read_text())["kernels"]}
    for kernel in record["kernels"]:
        if kernel["id"] not in built:
            raise BuildError(f"{kernel['id']} is not among the kernels for {target}: were they built from these sources?")
        if kernel["sha256"] != built[kernel["id"]]:
            raise BuildError(f"{kernel['id']} has the hash {kernel['sha256'][:16]} in the record, but "
                             f"{built[kernel['id']][:16]} here: it was verified as built from other sources")
    on = {"gpu": device["name"], "driver": record["driver"], "hip": hip["version"], "date": record["date"]}
    known = json.loads(file.read_text()) if file.exists() else {}
    known[target] = {**known.get(target, {}),
                     **{kernel["id"]: {"sha256": kernel["sha256"], "on": on} for kernel in record["kernels"]}}
    write(file, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
    return target, len(record["kernels"])


def read_record(path):
    """The record, checked. BuildError says what it lacks."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BuildError(f"{path} is no record of npm run test:gpu: {error}") from error
    device, hip = part(record, "device"), part(record, "hip")
    if device.get("emulated") is not False:
        raise BuildError("the record is of an emulated device: only a GPU verifies on hardware")
    wanted = {"the GPU's name": device.get("name"), "the GPU's target": device.get("arch"),
              "the driver's version": record.get("driver"), "HIP's version": hip.get("version")}
    for what, value in wanted.items():
        if not isinstance(value, str) or not value.strip():
            raise BuildError(f"the record does not state {what}")
    try:
        date.fromisoformat(record.get("date"))
    except (TypeError, ValueError) as error:
        raise BuildError(f"the record does not state its date: {error}") from error
    kernels = record.get("kernels")
    if not isinstance(kernels, list) or not kernels or not all(map(is_kernel, kernels)):
        raise BuildError("the record does not state kernels with their ids and hashes")
    return record


def part(record, name):
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, dict):
        raise BuildError(f"the record has no {name}: expected one of npm run test:gpu")
    return value


def is_kernel(value):
    return (isinstance(value, dict) and isinstance(value.get("id"), str)
            and isinstance(value.get("sha256"), str) and re.fullmatch(r"[0-9a-f]{64}", value["sha256"]) is not None)
