"""What leaves the house: signed webhooks and files of JSON lines, at least once, in order a message.

Call `Deliverer.step` in a loop; ``python -m worker.outbox`` does. Receivers check a call with `signature`.
"""

from scorelane.outbox.deliver import Deliverer, Limits
from scorelane.outbox.destinations import Made, add, new_secret
from scorelane.outbox.errors import Forbidden, OutboxError, Rejected
from scorelane.outbox.signing import signature

__all__ = ["Deliverer", "Forbidden", "Limits", "Made", "OutboxError", "Rejected", "add", "new_secret", "signature"]
