"""Who may call: keys that are minted once, kept as hashes, scoped to one tenant and role, rotated and revoked.

Call `create`, `rotate`, `revoke` and `verify`; the entry rooms share them.
"""

from scorelane.access.errors import AccessError, Denied, Rejected
from scorelane.access.keys import ROLES, Minted, create, key_id_of, revoke, rotate, verify

__all__ = [
    "ROLES",
    "AccessError",
    "Denied",
    "Minted",
    "Rejected",
    "create",
    "key_id_of",
    "revoke",
    "rotate",
    "verify",
]
