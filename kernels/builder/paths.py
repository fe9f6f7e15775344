"""Where things are: the project, and the folder that outlives it and that clones share."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ROCM_ATTENTION_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rocm-attention").absolute()


def fingerprint(*names):
    """A hash of files of the project, as scripts/setup/stamp.mjs makes it: folders in the cache are named by it."""
    digest = hashlib.sha256()
    for name in names:
        data = (ROOT / name).read_bytes()
        digest.update(b"%s\0%d\0" % (name.encode(), len(data)) + data)
    return digest.hexdigest()[:16]


# AITER's wheel, of which scripts/setup/aiter.mjs keeps what is named in kernels/aiter/files.txt.
WHEEL = CACHE / f"aiter-{fingerprint('kernels/aiter/requirements.txt', 'kernels/aiter/files.txt')}"
# The folders that portable paths can begin with, the innermost first.
FOLDERS = {"$AITER/": WHEEL, "$CACHE/": CACHE, "": ROOT}


def portable(path):
    """A path as other clones know it: relative to the project, to the cache or to the wheel where it lies in one of them."""
    path = Path(os.path.normpath(ROOT / path))
    for name, folder in FOLDERS.items():
        if path.is_relative_to(folder):
            return name + path.relative_to(folder).as_posix()
    return path.as_posix()


def absolute(text):
    """The path that `portable` wrote."""
    name = next(name for name in FOLDERS if text.startswith(name))
    return FOLDERS[name] / text.removeprefix(name)
