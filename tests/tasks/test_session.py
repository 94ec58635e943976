"""What a worker child keeps between tasks."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("niceness", [0, 10])
def test_the_server_process_of_a_yielding_worker_yields_as_much(database, niceness):
    """Else the database's half of bulk work would compete with urgent work as an equal."""
    script = (
        f"import os; os.nice({niceness})\n"
        "from tasks.session import Session\n"
        f"connection = Session({database.worker_url!r}, group='test').connection()\n"
        "print(os.getpriority(os.PRIO_PROCESS, connection.info.backend_pid))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(said.stdout) == niceness
