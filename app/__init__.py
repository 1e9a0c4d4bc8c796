"""The service. Every process of it, and every command, looks for garbage seldom from its first import on: what is imported stays, and Python's
own way of looking through all of that took a fifth of each start, and as much of long work."""

import gc

GARBAGE = (20_000, 20, 50)
"""A request makes some thousands of small values and keeps none: Python's own 700 would look for cycles several times in each."""
gc.set_threshold(*GARBAGE)
