"""From files and streams to clips: decode once, segment, keep the place."""
