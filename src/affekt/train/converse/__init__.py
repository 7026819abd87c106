"""Conversations of two that are made: a domain, a course of emotion, two speakers, a filter, and voices.

After DeepDialogue (Koudounas et al. 2025), whose speakers are language models of 4B to 72B; here they are sentences of
ours, counts of words that learned from a corpus, or any language model that is named.
"""
