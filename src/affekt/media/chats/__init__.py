"""Conversations as chat tools export them and as people write them down: turns with their speakers, in order.

`lines` reads text (`Name: words`, WhatsApp), `objects` JSON (lists of turns, Telegram, Slack, Discord, Messenger).
Every turn comes out; what is nobody's words (a system message, a picture) says so in `Turn.aside`.
"""

from __future__ import annotations

from affekt.media.chats.turn import Turn

__all__ = ["Turn"]
