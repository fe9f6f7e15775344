"""lib/catalog/aiter-objects.json: the rows of AITER's code objects that backends launch, as manifests have them, each with its
place in the wheel. By their hashes `rocm-attention kernels add aiter` knows objects that tests have run."""

import json

from kernels.aiter import provider
from kernels.builder import manifest, wheel
from kernels.builder.targets import PACKAGED


def text():
    kernels = {target: rows for target in PACKAGED if (rows := list(rows_of(target)))}
    lines = ",\n".join(f'"{target}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for target, rows in kernels.items())
    return f'{{ "version": "{wheel.VERSION}", "kernels": {{\n{lines}\n}} }}\n'


def rows_of(target):
    for instance in provider.instances(target, "all"):
        if instance.variant == "asm" and instance.published:
            made = provider.compile(instance, target, None)
            yield {**manifest.row(provider, instance, made, target),
                   "member": instance.description["object"].removeprefix("$AITER/")}
