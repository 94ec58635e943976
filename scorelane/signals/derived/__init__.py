"""Values that several signals read, computed once a message: texts, senders, links, routes.

Importing this package declares them all; families import it for that.
"""

from scorelane.signals.derived import links, names, senders, texts, transport

__all__ = ["links", "names", "senders", "texts", "transport"]
