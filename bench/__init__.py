"""Measurements as ratios to a named peer or a physical limit in the same run: `make bench`, or `python -m bench NAME`."""
