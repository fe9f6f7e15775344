"""lib/catalog/published.json: the kernels of all providers that are published, without a compiler or a code object; and,
marked by their set, those that are not and can be built.

Rows are folded: one with all values of a list stands for those that differ in that list alone, such as the head sizes.
So the catalog claims no combination that has no kernel.
"""

import json

from kernels.builder import manifest, wheel
from kernels.builder.instance import instances_of
from kernels.builder.targets import PACKAGED

# The lists of a row, by the keys that lead to them.
LISTS = (("targets",), ("serves", "dtypes"), ("serves", "kvCacheDtypes"), ("serves", "headSizes", "oneOf"),
         ("serves", "headSizes", "pairs"), ("serves", "blockSizes", "oneOf"), ("serves", "queriesPerKv", "oneOf"),
         ("serves", "queryTokens", "oneOf"), ("serves", "layouts"), ("serves", "attentionTypes"))


def text(providers, committed=None):
    """The catalog; of providers whose rows come from a wheel that is not there those of the committed one stay."""
    rows = []
    lacking = [provider for provider in providers if getattr(provider, "IN_WHEEL", False) and not wheel.is_there()]
    if lacking:
        names = [provider.NAME for provider in lacking]
        rows += [each for each in json.loads(committed)["kernels"] if each["provider"] in names]
    for target in PACKAGED:
        for provider in [each for each in providers if each not in lacking]:
            ids = {instance.id for instance in provider.instances(target, "all")}
            for instance in instances_of(provider, target, "full"):
                further = {} if instance.id in ids else {"set": "full"}
                rows += [{**row(provider, instance, target), **further}] if instance.published else []
    written = [json.dumps(each) for each in fold(rows)]
    if lacking:
        places = {line.rstrip(","): place for place, line in enumerate(committed.splitlines())}
        written.sort(key=lambda line: places.get(line, len(places)))
    lines = ",\n".join(written)
    return '{ "kernels": [\n' + lines + "\n] }\n"


def row(provider, instance, target):
    identity = manifest.identity(provider, instance)
    del identity["id"]
    return {"targets": [target], **identity, "tile": instance.tile, "serves": instance.serves,
            "verified": manifest.verified(provider, instance, target)}


def fold(rows):
    """Merges rows that are equal but for one list, until there are no such any more."""
    while True:
        before = len(rows)
        for path in LISTS:
            merged = {}
            for each in rows:
                values = value_at(each, path)
                rest = json.dumps(each if values is None else replaced(each, path, None), sort_keys=True)
                merged[rest] = each if rest not in merged or values is None else replaced(
                    each, path, union(value_at(merged[rest], path), values))
            rows = list(merged.values())
        if len(rows) == before:
            return rows


def union(first, second):
    return first + [value for value in second if value not in first]


def value_at(row, path):
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def replaced(row, path, value):
    key, *rest = path
    return {**row, key: replaced(row[key], rest, value) if rest else value}
