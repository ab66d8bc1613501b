"""Webhooks: deliveries of chat and messaging platforms come in over HTTP, events leave through the collector.

Nothing is read from a delivery before its signature was found right. A delivery is answered with 200 only when
the collector dealt with all of its events, so that what was not taken is sent again by the platform.
"""

from services.adapters.webhooks.routing import routes

__all__ = ["routes"]
