"""Built code objects by the hash of everything that decides their bytes, outside the clone so that clones share them."""

import hashlib
import json
import os
from pathlib import Path


def folder():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ROCM_ATTENTION_CACHE") or Path(home) / "rocm-attention") / "kernels"


def key(provider, instance, target):
    """The hash of an instance's description, its provider's sources, the compiler and the target."""
    digest = hashlib.sha256()
    description = [target, instance.describe(), provider.compiler()]
    digest.update(json.dumps(description, sort_keys=True).encode())
    for path in (provider.SOURCES[instance.source], Path(provider.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load(name):
    """The code object and its facts, or None where they have not been built or are damaged."""
    try:
        facts = json.loads((folder() / f"{name}.json").read_text())
        code = (folder() / f"{name}.co").read_bytes()
    except (OSError, ValueError):
        return None
    return (code, facts) if hashlib.sha256(code).hexdigest() == facts.get("sha256") else None


def store(name, code, facts):
    folder().mkdir(parents=True, exist_ok=True)
    write(folder() / f"{name}.co", code)
    facts = {**facts, "sha256": hashlib.sha256(code).hexdigest()}
    write(folder() / f"{name}.json", json.dumps(facts, indent=1).encode())
    return code, facts


def write(path, data):
    """Writes a file whole or not at all, and not where it already has these bytes."""
    if path.exists() and path.read_bytes() == data:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
