"""Task x recogniser -> run -> scores."""
