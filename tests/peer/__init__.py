"""The other end of a P1 association, written in Python from the Recommendations alone.

It shares no code and no table with the C product, so that an error of ours is not mirrored by the judge.
"""
