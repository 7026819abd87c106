"""Models of the voice: an encoder of speech that was learned elsewhere, and a head that is learned here."""
