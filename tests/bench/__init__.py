"""What things cost, as ratios measured in one run: `make bench`.

Seconds differ from machine to machine; a ratio of two measurements taken side by side does not, much.
"""
