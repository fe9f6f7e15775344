"""AITER's wheel, of which scripts/setup/aiter.mjs keeps what is named in kernels/aiter/files.txt: CK-tile's headers,
AITER's templates and its code objects."""

import re

from kernels.builder.instance import BuildError
from kernels.builder.paths import CACHE, ROOT, fingerprint, portable

REQUIREMENTS = "kernels/aiter/requirements.txt"
FOLDER = CACHE / f"aiter-{fingerprint(REQUIREMENTS, 'kernels/aiter/files.txt')}" / "aiter_meta"
VERSION = re.search(r"^amd-aiter==(\S+)", (ROOT / REQUIREMENTS).read_text(), re.MULTILINE).group(1)

# What AITER compiles its own templates and CK-tile's with.
FLAGS = ("-fgpu-flush-denormals-to-zero", "-fno-offload-uniform-block", "-mllvm", "--lsr-drop-solution=1",
         "-mllvm", "-enable-post-misched=0")


def path(name):
    """The portable name of a file or folder of the wheel."""
    if not FOLDER.exists():
        raise BuildError("AITER's wheel is not there: npm test fetches it")
    return portable(FOLDER / name)
