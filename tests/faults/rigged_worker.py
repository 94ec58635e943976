"""The real worker, in whose parser some subjects are deadly or slow while a flag file says so."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import scorelane.mail
from scorelane.settings import Settings

FLAGS = Settings().home / "flags"
_parse = scorelane.mail.parse


def parse(raw, **context):
    subject = re.search(rb"^Subject: (\w+)", raw, re.MULTILINE)
    flag = FLAGS / subject[1].decode() if subject else None
    if flag is not None and flag.exists():
        if flag.name == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(flag.read_text()))
    return _parse(raw, **context)


scorelane.mail.parse = parse

from worker.app import app  # noqa: E402 - after the parser was rigged

assert Path(app.main).name == "scorelane"
