"""Parts that put channels together: context, experts, attention, projection, and terms that hold them together.

Each part is a module or a function of tensors that `catalog/studies` names; channels are vectors of fixed width, of
an utterance, a face, or a frame, whoever made them.
"""
