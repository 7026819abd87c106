"""Valence, arousal and dominance from the lower layers of a large encoder, which are left as they are.

Small encoders that were tuned for these dimensions come near to what a large one says, and no nearer with more text;
the lower half of the large one says nearly all that the whole of it does. So a teacher reads every layer of the large
encoder, and a small net learns its answers from the vectors of the lower ones, rounded as they are shipped.
"""
