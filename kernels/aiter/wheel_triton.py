"""Kernels in Triton of AITER's wheel, which are compiled ahead of time and without torch."""

from kernels.builder import triton


def compile_kernel(of, kernel, given, parameter_type, divisor, target):
    """`of`: an instance's description. `given`: constants, of which the kernel takes those that it has a parameter for.
    `parameter_type`: the Triton type of any other, by its name; `divisor`: what is known to divide it, by name and type, or None."""
    constants = {name: value for name, value in given.items() if name in kernel.arg_names}
    signature = {name: "constexpr" if name in constants else parameter_type(name) for name in kernel.arg_names}
    divisors = {name: divisor(name, kind) for name, kind in signature.items() if kind != "constexpr"}
    attributes = {name: [["tt.divisibility", step]] for name, step in divisors.items() if step is not None}
    return triton.compile_kernel(kernel, signature, constants, attributes, of["options"], target)
