"""Policies that look at a face and give reasons for an emotion: what they are, are paid for, and how they learn."""
