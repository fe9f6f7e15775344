"""Where things are: the project, and the folder that outlives it and that clones share."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ROCM_ATTENTION_CACHE")
             or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rocm-attention").absolute()
IN_CACHE = "$CACHE/"


def portable(path):
    """A path as other clones know it: relative to the project or to the cache where it lies in one of them."""
    path = Path(os.path.normpath(ROOT / path))
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    return IN_CACHE + path.relative_to(CACHE).as_posix() if path.is_relative_to(CACHE) else path.as_posix()


def absolute(text):
    """The path that `portable` wrote."""
    return CACHE / text.removeprefix(IN_CACHE) if text.startswith(IN_CACHE) else ROOT / text


def fingerprint(*names):
    """A hash of files of the project, as scripts/setup/stamp.mjs makes it: folders in the cache are named by it."""
    digest = hashlib.sha256()
    for name in names:
        data = (ROOT / name).read_bytes()
        digest.update(b"%s\0%d\0" % (name.encode(), len(data)) + data)
    return digest.hexdigest()[:16]
