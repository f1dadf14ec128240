"""Recognising pictures: ours beside other networks of the same time, and what it takes."""
