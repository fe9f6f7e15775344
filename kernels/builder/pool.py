"""Compiling in parallel: processes that each make one code object after the other."""

import importlib
import os
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from kernels.builder import cache
from kernels.builder.paths import CACHE

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def build(jobs):
    """Makes what the cache lacks of (provider, instance, target) jobs, in their order, and returns how many that were. A
    job that fails ends the build, after those that are under way."""
    missing = {}
    for job in jobs:
        name = cache.key(*job)
        if cache.find(name) is None:
            missing[name] = job
    if not missing:
        return 0
    CACHE.mkdir(parents=True, exist_ok=True)
    # What compilers leave is in there, and goes with it however the build ends.
    with tempfile.TemporaryDirectory(prefix="build.", dir=CACHE) as folder, \
            ProcessPoolExecutor(os.cpu_count(), initializer=take_signals) as pool:
        futures = {pool.submit(make, provider.__name__, instance, target, name, folder): (instance, target)
                   for name, (provider, instance, target) in missing.items()}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                instance, target = futures[future]
                print(f"[{done}/{len(futures)}] {target} {instance.id} {future.result():.1f} s", flush=True)
        except Exception:  # the others write into the folder until they end
            pool.shutdown(cancel_futures=True)
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(missing)


def take_signals():
    """A process of the pool ends at once when it is asked to, and leaves tidying up to the one that started it."""
    for number in INTERRUPTIONS:
        signal.signal(number, signal.SIG_DFL)


def make(provider, instance, target, name, folder):
    """Makes one code object and returns the seconds it took."""
    started, since = time.monotonic(), time.time()
    with tempfile.TemporaryDirectory(dir=folder) as own:
        cache.store(name, importlib.import_module(provider).compile(instance, target, own), since)
    return time.monotonic() - started
