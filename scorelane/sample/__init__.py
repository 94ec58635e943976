"""Mail that Scorelane writes itself: of every kind, decided by a seed, at reserved names and addresses only.

Call `legitimate`, `attacks` or `sample_mailbox`. No message contains real people, live links or working malware.
"""

from __future__ import annotations

from scorelane.sample.mailbox import SampleMessage, attacks, legitimate, sample_mailbox

__all__ = ["SampleMessage", "attacks", "legitimate", "sample_mailbox"]
