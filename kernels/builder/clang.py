"""HIP C++ compiled by clang, with no ROCm: which clang, its flags, and what it says of a source."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from kernels.builder.instance import BuildError
from kernels.builder.paths import CACHE, ROOT, absolute

PROGRAM = "clang++-22"

FLAGS = (
    "-x", "hip", "--cuda-device-only", "-nogpuinc", "-nogpulib", "-std=c++20", "-O3", "-DNDEBUG",
    # One code object without wrapping, which older ROCms load too, with the same bytes each time.
    "--no-gpu-bundle-output", "-mcode-object-version=5", "-fuse-cuid=none",
    "-Ikernels/include",
)
MISSING = f"there is no {PROGRAM}: npm test installs it; by hand: apt-get install clang-22 lld-22"


def frontend(*arguments):
    """Arguments of clang itself: its driver has some of them for the host's code alone, such as -MD."""
    return [word for argument in arguments for word in ("-Xclang", str(argument))]


PRINT_LAYOUTS = tuple(frontend("-fdump-record-layouts"))
# A member of a structure in what that prints: offset, type, name.
MEMBER = re.compile(r"^ +(\d+) \|  +(?!struct |class )(\S.*) (\w+)$", re.MULTILINE)
# A type, and how many there are of it where the member is an array.
LIST = re.compile(r"(.*?)(?:\[(\d+)\])?")


@functools.lru_cache(maxsize=None)
def find_program():
    """The path of clang of a ROCm installation, on PATH, or as the set-up has unpacked it; None where there is none."""
    rocm = os.environ.get("ROCM_PATH")
    candidates = [rocm and os.path.join(rocm, "llvm", "bin", "clang++"), shutil.which(PROGRAM),
                  CACHE / "llvm-22" / "bin" / PROGRAM]
    return next((path for path in candidates if path and os.path.exists(path)), None)


def is_there():
    return find_program() is not None


def program():
    if not is_there():
        raise BuildError(MISSING)
    return find_program()


@functools.lru_cache(maxsize=None)
def compiler():
    text = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    return {"name": "clang", "version": re.search(r"version (.+)", text).group(1)}


def compile_source(source, flags, system_folders, target, folder):
    """Returns the code object's bytes, the names of the files that were read for it, and what clang printed."""
    code, dependencies = Path(folder, "code.co"), Path(folder, "code.d")
    includes = [argument for name in system_folders for argument in ("-isystem", str(absolute(name)))]
    command = [program(), *FLAGS, *flags, f"--offload-arch={target}", f"-I{os.path.dirname(source)}", *includes, source,
               *frontend("-dependency-file", dependencies, "-MT", "code", "-sys-header-deps"), "-o", code]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True)
    if ended.returncode != 0:
        raise BuildError(f"{ended.stderr}\nended with {ended.returncode}: {' '.join(map(str, command))}")
    names = re.split(r"(?<!\\)\s+", dependencies.read_text().replace("\\\n", " ").partition(":")[2].strip())
    return code.read_bytes(), tuple(name.replace("\\ ", " ") for name in names), ended.stdout


def members(layouts, structure, types):
    """The members of a structure that a kernel takes, as arguments. `types`: what those of C++ are in a manifest."""
    block = re.search(rf"^ +0 \| struct {structure}\n(.*?)^ +\| \[", layouts, re.MULTILINE | re.DOTALL)
    if block is None:
        raise BuildError(f"clang prints no layout of {structure}")
    arguments = []
    for offset, text, name in MEMBER.findall(block.group(1)):
        element, count = LIST.fullmatch(text).groups()
        if not element.endswith("*") and element not in types:
            raise BuildError(f"{name} in {structure} is of a type that manifests do not have: {text}")
        kind = "pointer" if element.endswith("*") else types[element]
        arguments.append({"name": name, "type": kind, "offset": int(offset), **({"count": int(count)} if count else {})})
    return arguments
