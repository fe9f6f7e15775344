"""The shape that every provider describes its kernels in."""

from dataclasses import dataclass, field

FEATURES = ("slidingWindow", "alibi", "logitsSoftCap", "sinks")


class BuildError(Exception):
    """A build that cannot go on; the message is for people."""


@dataclass(frozen=True)
class Instance:
    """A kernel to make.

    `description` is plain data and all that decides the bytes of the code object beside the contents of the sources,
    the compiler's version and the target: a provider's `compile` reads nothing else of an instance.
    """

    id: str
    operation: str
    description: dict
    serves: dict
    grid: str
    tile: dict = field(default_factory=dict)  # what the launch must know of the kernel's constants
    variant: str | None = None  # tells a provider's kernels of one operation apart
    names: dict = field(default_factory=dict)  # our names of arguments, where the kernel's own differ
    published: bool = True  # False: only tests run it
    verified: str | None = None  # how far, where not by the target's set
    recipe: dict | None = None  # source and flags with which clang puts a program of the user's into the kernel
    chips: tuple = ()  # PCI ids of the chips that it is tuned for, beside an instance without any
    schedule: str | None = None  # the one wave schedule under which a vendor's object is right


@dataclass(frozen=True)
class Made:
    """A code object, and what its provider knows of the kernel in it.

    `facts`: symbol, workgroupSize, ldsBytes (the dynamic part), and arguments in their order, each with name, type and,
    where they are the members of one structure, offset. `dependencies`: the files that were read for it.
    """

    code: bytes
    facts: dict
    dependencies: tuple = ()


# The sets that are as "all" with a provider that does not name them: what CI builds, and all that can be built.
LIKE_ALL = ("ci", "full")


def instances_of(provider, target, chosen):
    """A provider's instances of a set, for a target."""
    is_own = chosen not in LIKE_ALL or chosen in getattr(provider, "OWN_SETS", ())
    return provider.instances(target, chosen if is_own else "all")
