"""The light front door: accept messages durably, drop copies, publish work to a lane.

Call `Enqueuer.accept`; once it returns, every message with an `accepted` receipt will be scored. Importing this
room loads no parser, no NumPy and no model.
"""

from scorelane.enqueuer.accept import Enqueuer, Incoming, Receipt
from scorelane.enqueuer.envelope import Envelope, is_address
from scorelane.enqueuer.errors import Busy, EnqueuerError, Rejected, Unavailable
from scorelane.enqueuer.lanes import INTAKE_LANES, LANES, Lane
from scorelane.enqueuer.linger import Linger

__all__ = [
    "INTAKE_LANES",
    "LANES",
    "Busy",
    "Enqueuer",
    "EnqueuerError",
    "Envelope",
    "Incoming",
    "Lane",
    "Linger",
    "Receipt",
    "Rejected",
    "Unavailable",
    "is_address",
]
