"""Code objects that have been built, outside the clone so that clones share them.

A key stands for all that decides a code object's bytes but the contents of the files read for it, since only the
compiler knows which those are. Below a key there is an entry for each state of these files that was built: their hashes,
the code object's hash and facts. A hit is an entry whose files are all as they were; code objects lie under their own
hash.
"""

import functools
import hashlib
import json
import os

from kernels.builder.instance import BuildError, Made
from kernels.builder.paths import CACHE, absolute, portable

FOLDER = CACHE / "kernels"


def key(provider, instance, target):
    description = [provider.NAME, instance.description, provider.compiler(instance), target]
    return sha256(json.dumps(description, sort_keys=True).encode())


def find(name):
    """What has been made under a key from the files as they are now, or None."""
    for path in (FOLDER / name).glob("*.json"):
        try:
            entry = json.loads(path.read_text())
            if all(known_hash(file) == stored for file, stored in entry["dependencies"].items()):
                code = (FOLDER / f"{entry['sha256']}.co").read_bytes()
                if sha256(code) == entry["sha256"]:
                    return Made(code, entry["facts"], tuple(entry["dependencies"]))
        except (OSError, ValueError):
            continue  # damaged, or not finished by another build
    return None


def store(name, made, since):
    """Keeps what a compiler began to make at the time `since` (of time.time)."""
    for path in made.dependencies:
        if absolute(portable(path)).stat().st_mtime >= since:
            raise BuildError(f"{portable(path)} was changed while it was compiled: build again")
    dependencies = {file: current_hash(file) for file in sorted(map(portable, made.dependencies))}
    entry = {"dependencies": dependencies, "sha256": sha256(made.code), "facts": made.facts}
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
    write(FOLDER / f"{entry['sha256']}.co", made.code)
    state = sha256(json.dumps(dependencies).encode())
    write(FOLDER / name / f"{state}.json", json.dumps(entry, indent=1).encode())


def write(path, data):
    """Writes a file whole or not at all, and not where it already has these bytes."""
    if path.exists() and path.read_bytes() == data:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def current_hash(file):
    """The hash of a file by its portable name, or None where it is not there any more."""
    try:
        return sha256(absolute(file).read_bytes())
    except OSError:
        return None


# Hundreds of headers are looked at for each of many kernels, and one build sees one state of them.
known_hash = functools.lru_cache(maxsize=None)(current_hash)
