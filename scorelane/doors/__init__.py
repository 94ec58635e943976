"""Front doors that run for days beside HTTP: an LMTP listener and a Maildir watcher. Both accept through the enqueuer.

Call `LmtpDoor.serve` and `MaildirWatcher.run`; `scorelane lmtp` and `scorelane watch` do.
"""

from scorelane.doors.errors import DoorError, Misplaced
from scorelane.doors.lmtp import LmtpDoor, LmtpLimits, Routes
from scorelane.doors.maildir import MaildirWatcher

__all__ = ["DoorError", "LmtpDoor", "LmtpLimits", "MaildirWatcher", "Misplaced", "Routes"]
