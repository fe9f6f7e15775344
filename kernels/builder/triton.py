"""Triton kernels compiled ahead of time, without a GPU and without launching them."""

import os
import re

from kernels.builder.instance import BuildError
from kernels.builder.manifest import NULL
from kernels.builder.paths import ROOT
from kernels.builder.targets import TARGETS

POINTER_SUFFIX = "_ptr"
TYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "int32": "i32", "int64": "i64",
         "e4m3fnuz": "fp8e4b8", "e4m3fn": "fp8e4nv"}
KERNARG_TYPES = {"i32": "int32", "i64": "int64", "fp32": "float32"}
# Reproducible bytes: no paths or line numbers in them, no dependence on what was compiled before.
ENVIRONMENT = {"TRITON_DISABLE_LINE_INFO": "1", "TRITON_DEFAULT_FP_FUSION": "1"}


def compiler():
    """Name and version of the compiler, without importing it: a build with nothing to do must not pay for that."""
    version = re.search(r"^triton==(\S+)", (ROOT / "kernels" / "requirements.txt").read_text(), re.MULTILINE).group(1)
    return {"name": "triton", "version": version}


def enter(environment, folder):
    """Prepares this process for compiling: before Triton is imported, and again for each kernel."""
    os.environ.update(environment, TRITON_CACHE_DIR=folder)
    import triton

    if triton.__version__ != compiler()["version"]:
        raise BuildError(f"kernels are built with triton {compiler()['version']}, found {triton.__version__}")


def compile_kernel(kernel, signature, constants, attributes, options, target):
    """Returns the code object's bytes and the kernel's facts. `signature`: the type of every parameter in its order,
    "constexpr" for those in `constants`; `attributes`: what is known of a parameter, by its name."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(fn=kernel, signature=signature, constexprs=constants,
                       attrs={(kernel.arg_names.index(name),): value for name, value in attributes.items()})
    platform, wave_size = TARGETS[target]["platform"], TARGETS[target]["waveSize"]
    compiled = triton.compile(source, target=GPUTarget(platform, target, wave_size), options=options)
    arguments = [{"name": name.removesuffix(POINTER_SUFFIX), "type": KERNARG_TYPES.get(kind, "pointer")}
                 for name, kind in signature.items() if kind != "constexpr"]
    # Triton appends two pointers to scratch memory, which none of these kernels needs.
    arguments += [{"name": "global_scratch", "type": NULL}, {"name": "profile_scratch", "type": NULL}]
    facts = {"symbol": compiled.metadata.name, "workgroupSize": wave_size * compiled.metadata.num_warps,
             "ldsBytes": compiled.metadata.shared, "arguments": arguments}
    return compiled.asm["hsaco"], facts
