"""AITER's wheel: CK-tile's headers, AITER's templates, its kernels in Triton and its code objects."""

import re

from kernels.builder.instance import BuildError
from kernels.builder.paths import ROOT, WHEEL, absolute

VERSION = re.search(r"^amd-aiter==(\S+)", (ROOT / "kernels/aiter/requirements.txt").read_text(), re.MULTILINE).group(1)

# What AITER compiles its own templates and CK-tile's with.
FLAGS = ("-fgpu-flush-denormals-to-zero", "-fno-offload-uniform-block", "-mllvm", "--lsr-drop-solution=1",
         "-mllvm", "-enable-post-misched=0")
MISSING = "AITER's wheel is not there: npm test fetches it"


def is_there():
    return WHEEL.exists()


def path(name):
    """The portable name of a file or folder of the wheel, whether it is there or not."""
    return f"$AITER/{name}"


def read(name):
    """The text of a file of the wheel; None where the wheel has none of that name."""
    if not is_there():
        raise BuildError(MISSING)
    file = absolute(path(name))
    return file.read_text() if file.exists() else None


def licence(name):
    """The text of a licence, which must be there."""
    text = read(name)
    if text is None:
        raise BuildError(f"AITER's wheel has no {name}")
    return text
