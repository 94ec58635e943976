"""Every section of `make bench`, each in a process of its own, one after another."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

SECTIONS = ("throughput", "parse", "score", "extract", "rescans", "steering", "api", "enrich")
"""Scripts of this folder in the order of their tables."""


def main() -> int:
    """Exit code 0 when every section ran."""
    failed = []
    for section in SECTIONS:
        started = time.monotonic()
        print(f"── {section} ".ljust(100, "─"), flush=True)
        if subprocess.run(
            [sys.executable, str(Path(__file__).parent / f"{section}.py"), *sys.argv[1:]], check=False
        ).returncode:
            failed.append(section)
        print(f"   {time.monotonic() - started:.0f} s\n", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
