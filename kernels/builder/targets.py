"""The GPU targets and the manifest's numbers: lib/catalog has them for every language."""

import json

from kernels.builder.paths import ROOT

CATALOG = ROOT / "lib" / "catalog"
TARGETS = {target["name"]: target for target in json.loads((CATALOG / "targets.json").read_text())}
CONTRACT = json.loads((CATALOG / "contract.json").read_text())
# The targets that kernels are built and published for.
PACKAGED = tuple(name for name, target in TARGETS.items() if target["package"])
